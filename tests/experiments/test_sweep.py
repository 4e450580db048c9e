"""The sweep engine: rows streamed, resumed, never twice, the same on any executor."""

import csv
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass

import numpy as np
import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.registry import find_plan, load_plan
from photonzero.experiments.sweep import Axis, Measured, Study, resolve_plan, run_sweep
from photonzero.experiments.sweep.executors import SerialExecutor, Workers, executors
from photonzero.experiments.sweep.folder import JOURNAL, PLAN, StudyFolder
from photonzero.experiments.sweep.table import TABLE

SERIAL = Workers(SerialExecutor, 1, 1)
SMALL = {
    "study": "phase-error",
    "chips": 3,
    "seeds": 2,
    "grid": {
        "topology": ["rectangular", "butterfly"],
        "n_modes": [4, 8],
        "sigma_phase_rad": [0.0, 0.01, 0.3],
    },
}


@dataclass(frozen=True)
class ToyOptions:
    """Options of the toy."""

    fails_at: int = -1


@pytest.fixture
def toy():
    """A study that counts how often each sample is measured: (study, counts)."""
    counts: dict[int, int] = {}

    def measure(samples, prepared):
        for sample in samples:
            counts[sample.index] = counts.get(sample.index, 0) + 1
            if sample.index == sample.options.fails_at:
                raise ZeroDivisionError("no luck,\nreally")
        return [{"value": s.setting["x"] + s.rng().random(), "place": s.index} for s in samples]

    study = Study(
        name="toy",
        summary="A toy.",
        axes=(Axis("kind", "kind", "text", choices=("a", "b")), Axis("x", "x [m]")),
        defaults={"chips": 2, "kind": ["a", "b"], "x": [0.0, 1.0, 2.5]},
        measured=(Measured("value", "value"), Measured("place", "place", "int")),
        measure=measure,
        draw=lambda plan, rows, folder: [],
        options=ToyOptions,
        scanned=True,
    )
    return study, counts


def plan_of(study, **options):
    return resolve_plan(study, {"options": options})


def test_rows_come_in_the_order_of_the_grid_each_measured_once(toy, tmp_path):
    study, counts = toy
    plan = plan_of(study)
    rows = run_sweep(plan, tmp_path, SERIAL).rows()
    assert [(r["kind"], r["x"], r["chip"], r["place"]) for r in rows] == [
        (kind, x, chip, 6 * (kind == "b") + 2 * k + chip)
        for kind in "ab" for k, x in enumerate((0.0, 1.0, 2.5)) for chip in (0, 1)
    ]  # fmt: skip
    assert set(counts.values()) == {1}
    assert len(counts) == plan.n_samples == 12
    assert not (tmp_path / JOURNAL).exists()
    # Randomness of a sample is its own: no two alike.
    assert len({row["value"] - row["x"] for row in rows}) == 12
    # A finished study is not measured again.
    assert run_sweep(plan, tmp_path, SERIAL).rows() == rows
    assert set(counts.values()) == {1}


def test_a_failed_sample_is_a_row_with_its_reason_and_its_unit_goes_on(toy, tmp_path):
    study, _ = toy
    rows = run_sweep(plan_of(study, fails_at=4), tmp_path, SERIAL).rows()
    assert [row["failure"] for row in rows if row["failure"]] == ["ZeroDivisionError: no luck, really"]
    assert rows[4]["value"] is None
    assert all(row["value"] is not None for k, row in enumerate(rows) if k != 4)


class Stops(Exception):
    """Ends a study half way."""


@pytest.mark.parametrize("cut", [0, 1, 9])
def test_an_interrupted_study_continues_where_it_was_whatever_was_cut_off(toy, tmp_path, cut):
    study, counts = toy
    plan = plan_of(study)
    whole = run_sweep(plan, tmp_path / "whole", SERIAL).rows()
    measured_once = dict.fromkeys(range(plan.n_samples), 1)
    counts.clear()

    def stop(progress):
        if progress.new_rows > 0:
            raise Stops

    with pytest.raises(Stops):
        run_sweep(plan, tmp_path / "cut", SERIAL, stop)
    journal = tmp_path / "cut" / JOURNAL
    content = journal.read_bytes()
    journal.write_bytes(content[: len(content) - cut])
    assert run_sweep(plan, tmp_path / "cut", SERIAL).rows() == whole
    assert (tmp_path / "cut" / TABLE).read_bytes() == (tmp_path / "whole" / TABLE).read_bytes()
    # Only what was cut off is measured again, with its unit.
    again = plan.unit_indices(0) if cut else []
    assert counts == measured_once | dict.fromkeys(again, 2)


class Mortal(SerialExecutor):
    """Its worker dies while it measures certain units, so many times in all."""

    deaths: dict[int, int]

    def submit(self, fn, /, *args, **kwargs):
        units = args[1]
        for unit in units:
            if self.deaths.get(unit, 0) > 0:
                self.deaths[unit] -= 1
                future: Future = Future()
                future.set_exception(BrokenExecutor("killed"))
                return future
        return super().submit(fn, *args, **kwargs)


def test_a_worker_that_dies_loses_nothing_and_one_that_always_dies_loses_its_samples(toy, tmp_path):
    study, _ = toy
    plan = plan_of(study)
    whole = run_sweep(plan, tmp_path / "whole", SERIAL).rows()
    Mortal.deaths = {1: 2}
    assert run_sweep(plan, tmp_path / "once", Workers(Mortal, 2, 4)).rows() == whole
    Mortal.deaths = {1: 100}
    rows = run_sweep(plan, tmp_path / "always", Workers(Mortal, 2, 4)).rows()
    failed = [row for row in rows if row["failure"]]
    assert len(failed) == plan.unit_size
    assert "worker died" in failed[0]["failure"]
    assert [row for row in rows if not row["failure"]] == [
        row for k, row in enumerate(whole) if k not in plan.unit_indices(1)
    ]


def test_two_processes_cannot_work_on_one_study(toy, tmp_path):
    plan = plan_of(toy[0])
    with StudyFolder(tmp_path, plan), pytest.raises(UsageError, match="another process"):
        run_sweep(plan, tmp_path, SERIAL)


def test_the_table_is_the_same_in_processes_and_here(tmp_path):
    plan = find_plan(SMALL)
    run_sweep(plan, tmp_path / "serial", SERIAL)
    with executors("processes", 2, None) as workers:
        run_sweep(plan, tmp_path / "processes", workers)
    assert (tmp_path / "serial" / TABLE).read_bytes() == (tmp_path / "processes" / TABLE).read_bytes()


OWN = """
from photonzero.experiments.sweep import Axis, Measured, Study

def measure(samples, prepared):
    return [{"value": OFFSET + sample.setting["x"] + sample.rng().random()} for sample in samples]

OFFSET = 1.0
MINE = Study("mine", "One of one's own.", (Axis("x", "x [m]"),), {"chips": 4, "x": [0.0, 2.0]},
             (Measured("value", "value"),), measure, lambda plan, rows, folder: [])
"""


def test_a_study_of_ones_own_is_found_by_workers_and_knows_when_its_file_changes(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    plan = find_plan({"study": f"{file}:MINE"})
    rows = run_sweep(plan, tmp_path / "serial", SERIAL).rows()
    with executors("processes", 2, None) as workers:
        assert run_sweep(plan, tmp_path / "processes", workers).rows() == rows
    assert load_plan(tmp_path / "processes").fingerprint == plan.fingerprint
    # The same study elsewhere draws the same numbers; another one is another.
    file.rename(tmp_path / "moved.py")
    assert find_plan({"study": f"{tmp_path}/moved.py:MINE"}).digest == plan.digest
    (tmp_path / "moved.py").write_text(OWN.replace("1.0", "3.0"))
    with pytest.raises(UsageError, match="holds another study"):
        run_sweep(find_plan({"study": f"{tmp_path}/moved.py:MINE"}), tmp_path / "serial", SERIAL)


def test_what_is_no_study_is_refused_by_name(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(UsageError, match=r"own.py:OFFSET': a float; allowed: a photonzero"):
        find_plan({"study": f"{tmp_path}/own.py:OFFSET"})


def test_a_study_of_this_process_alone_is_refused_by_others(toy, tmp_path):
    plan = plan_of(toy[0])
    with (
        executors("processes", 1, None) as workers,
        pytest.raises(UsageError, match="study toy: known to this process only; allowed: executor serial"),
    ):
        run_sweep(plan, tmp_path, workers)


def test_a_killed_study_finishes_without_repeating_a_row(tmp_path):
    settings = ("--set", "chips=40", "--set", "n_modes=[16,24]", "--out", "killed", "--quiet")
    command = [
        sys.executable,
        "-c",
        "from photonzero.experiments.cli import main; main()",
        "sweep",
        "phase-error",
        *settings,
    ]
    command += ["--executor", "serial"]
    process = subprocess.Popen(command, cwd=tmp_path)
    journal = tmp_path / "killed" / JOURNAL
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 2000):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / TABLE).exists()
    plan = find_plan({"study": "phase-error"}, ["chips=40", "n_modes=[16,24]"])
    seen = []
    rows = run_sweep(plan, tmp_path / "killed", SERIAL, lambda p: seen.append((p.rows, p.new_rows))).rows()
    first_rows, first_new = seen[0]
    assert first_rows > 0
    assert first_new == 0
    assert seen[-1][1] == plan.n_samples - first_rows
    assert rows == run_sweep(plan, tmp_path / "whole", SERIAL).rows()
    with (tmp_path / "killed" / TABLE).open() as file:
        keys = [tuple(line[:5]) for line in csv.reader(file)][1:]
    assert len(set(keys)) == len(keys) == plan.n_samples


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        ({"study": "nothing"}, (), "study: 'nothing'; allowed: phase-error"),
        ({}, (), "study: missing"),
        ({"study": "phase-error", "chip": 3}, (), "unknown key chip; allowed: study, chips"),
        ({"study": "phase-error"}, ("sigma_phase_rad=-0.1",), "sigma_phase_rad: -0.1; allowed: numbers >= 0"),
        ({"study": "phase-error"}, ("sigma_phase_rad=nan",), "sigma_phase_rad: nan; allowed"),
        ({"study": "phase-error"}, ("sigma_phase_rad=[]",), "at least one value"),
        ({"study": "phase-error"}, ("n_modes=[8, 8]",), "none twice"),
        ({"study": "phase-error"}, ("n_modes=2.5",), "n_modes: 2.5; allowed: whole numbers 2 to 1024"),
        ({"study": "phase-error"}, ("topology=ring",), "topology: 'ring'; allowed: butterfly, rectangular"),
        ({"study": "phase-error"}, ("chips=0",), "chips: 0; allowed"),
        ({"study": "phase-error"}, ("grid.sigma=1",), "grid: unknown key sigma; allowed: topology"),
        ({"study": "phase-error"}, ("sigma_phase_rad={from=0, to=1, count=3, scale='log'}",), "> 0 for log"),
        ({"study": "phase-error"}, ("chips=1000000000",), "samples; allowed: at most"),
    ],
)
def test_bad_studies_are_one_clear_line(table, settings, message):
    with pytest.raises(UsageError, match=message) as error:
        find_plan(table, settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spoil", ["digit", "byte", "blank", "number", "older", "twice"])
def test_a_line_of_the_journal_that_was_changed_is_measured_again(toy, tmp_path, spoil):
    study, counts = toy
    plan = plan_of(study)
    whole = run_sweep(plan, tmp_path / "whole", SERIAL).rows()

    def stop(progress):
        if progress.new_rows >= 6:
            raise Stops

    with pytest.raises(Stops):
        run_sweep(plan, tmp_path / "cut", SERIAL, stop)
    journal = tmp_path / "cut" / JOURNAL
    header, first, *rest = journal.read_bytes().splitlines(keepends=True)
    crc, index, row = first.split(b",", 2)
    spoiled = {
        "digit": first.replace(b"0.", b"1.", 1),
        "byte": first[:-3] + b"\xff" + first[-2:],
        "blank": b"\n",
        "number": b"%s,%s,%s" % (crc, b"11", row),
        "older": b"%s,%s" % (index, row),
        "twice": first + first,
    }[spoil]
    if spoil == "older":
        header = header.replace(b"journal 2", b"journal 1")
        rest = [line.partition(b",")[2] for line in rest]
    journal.write_bytes(b"".join([header, spoiled, *rest]))
    counts.clear()
    assert run_sweep(plan, tmp_path / "cut", SERIAL).rows() == whole
    # What an earlier version wrote, without checksums, counts as it stands.
    assert (0 in counts) == (spoil not in ("older", "twice"))


def test_a_range_is_as_many_values_from_end_to_end():
    plan = find_plan(SMALL, ["sigma_phase_rad={from=0.01, to=1, count=3, scale='log'}", "n_modes=4"])
    assert plan.grid["sigma_phase_rad"] == (0.01, 0.1, 1.0)
    assert plan.grid["n_modes"] == (4,)
    # A plan survives its own file.
    assert find_plan(plan.to_table()).fingerprint == plan.fingerprint


@pytest.mark.parametrize("spoil", ["other study", "no plan", "other rows", "other journal"])
def test_a_folder_with_another_study_is_refused_and_left_as_it_is(tmp_path, spoil):
    plan = find_plan(SMALL)
    run_sweep(find_plan(SMALL, ["chips=1"] if spoil == "other study" else []), tmp_path, SERIAL)
    if spoil == "no plan":
        (tmp_path / PLAN).unlink()
    if spoil == "other rows":
        (tmp_path / TABLE).write_text("a,b\n1,2\n")
    if spoil == "other journal":
        (tmp_path / TABLE).unlink()
        (tmp_path / JOURNAL).write_text("photonzero journal 1,abc\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match="allowed"):
        run_sweep(plan, tmp_path, SERIAL)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cloud", None, None), "executor: 'cloud'; allowed: serial, processes, dask"),
        (("processes", 0, None), "workers: 0; allowed: >= 1"),
        (("serial", 2, None), "workers: 2 with executor serial; allowed: 1"),
        (("processes", None, "tcp://localhost:1"), "scheduler with executor processes; allowed with: dask"),
    ],
)
def test_bad_executors_are_one_clear_line(arguments, message):
    with pytest.raises(UsageError, match=message), executors(*arguments):
        pass


def test_the_same_chip_has_the_same_errors_in_every_setting():
    plan = find_plan(SMALL)
    first, other = plan.sample(0), plan.unit(plan.n_units - 1)[0]
    same = plan.sample(first.index + 6 * 6)
    assert same.setting != first.setting
    assert same.chip_rng("errors").random() == first.chip_rng("errors").random()
    assert other.chip_rng("errors").random() != first.chip_rng("errors").random()
    assert first.chip_rng("target").random() != first.chip_rng("errors").random()
    assert first.chip_seed == same.chip_seed
    assert np.isscalar(first.chip_seed)

"""The table of what optics learn: its rows, what it prints, and what it draws."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from photonzero.experiments import cli
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies import training
from photonzero.experiments.sweep.study import Sample
from photonzero.experiments.tables import optics
from photonzero.experiments.tables.optics import RUNS, TASKS, Options, Task, config_of, runs_of


def sample(run):
    return Sample(0, {"run": run, "seed": 7}, 0, 0, SimpleNamespace(options=Options(data="/none")))


@pytest.mark.parametrize("name", TASKS)
def test_every_row_can_be_run(name):
    task = TASKS[name]
    for run in task.runs:
        config = config_of(sample(run))
        assert (config.task.label, config.noise.name, config.seed) == (task.problem, task.noise, 7)
        assert bool(config.frozen) == run.endswith("/frozen")
        expected = "gauss-newton" if run.endswith("/black-box") else task.optimizer
        assert config.optimizer.name == expected


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.last_layer])
def test_a_row_through_the_last_layer_sees_no_other_and_costs_no_more(name):
    config = config_of(sample(f"{name}/last-layer"))
    assert (config.access, config.optimizer.name) == ("last-layer", "last-layer-gauss-newton")
    assert config.limits.max_inferences == config_of(sample(f"{name}/layered")).limits.max_inferences


def test_a_table_has_a_column_for_the_last_layer_where_there_is_something_in_it():
    def line(way, error):
        return {
            "row": "heat", "way": way, "error": error, "zero": 1.0, "inferences": 1e5, "wall_s": 9.0
        }  # fmt: skip

    assert "last layer" not in optics.markdown([line("layered", 1e-3)])
    header, _, row = optics.markdown([line("layered", 1e-3), line("last-layer", 2e-3)]).splitlines()
    place = header.split("|").index(" last layer ")
    assert row.split("|")[place : place + 2] == [" 2.0e-03 ", " 1.0e-03 "]


def test_rows_and_single_runs_are_named():
    on_chips = [run for run in RUNS if not run.endswith(("/digital", "/last-layer"))]
    assert runs_of(()) == [run for run in on_chips if not run.startswith("mnist")]
    assert runs_of(("heat", "helmholtz-detector/frozen")) == [
        "helmholtz-detector/frozen",
        "heat/layered",
        "heat/frozen",
    ]
    with pytest.raises(UsageError, match="row: 'helmholtz'; allowed: helmholtz-detector"):
        runs_of(("helmholtz",))


def test_the_table_states_targets_and_frozen_over_trained(monkeypatch, tmp_path, capsys):
    def fake(config, checkpoint):
        frozen, black_box = bool(config.frozen), config.optimizer.name == "gauss-newton"
        error = (0.8 if frozen else 1.4 if black_box else 5e-3) * (1 + config.seed)
        result = {
            "rel_l2": error, "inferences": 200_000, "steps": 3, "final_loss": 1.0, "n_controls": 9,
            "wall_s": 20.0, "layer_inferences": 200_000, "null": {"zero": 1.0}, "stop": {"finished": ""},
        }  # fmt: skip
        return SimpleNamespace(result=result, run=SimpleNamespace(history=[(1, 2, 3.0, 4.0, 5.0)]))

    monkeypatch.setattr(training, "assemble", lambda config, threads: config)
    monkeypatch.setattr(training, "train", fake)
    # What a detector reads is the business of the next test.
    monkeypatch.setattr(optics, "_feature_maps", lambda *given: np.zeros((2, 5, 5)))
    names = ("helmholtz-detector", "heat/layered")
    command = ("tables", "optics", *names, "--seeds", "2", "--out", str(tmp_path), "--executor", "serial")
    monkeypatch.setattr(sys, "argv", ["photonzero", *command])
    cli.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == (
        "| `helmholtz-detector` | published-detector | 1 | 1.2e+00 (8.0e-01 to 1.6e+00) "
        "| 2.1e+00 (1.4e+00 to 2.8e+00) | 7.5e-03 (5.0e-03 to 1.0e-02) |  "
        "| 6.0e-03, each 1.2e-02, missed | 160 | 2.0e+05 | 20 | 2 |"
    )
    # Without its frozen run a row has neither a ratio nor a verdict.
    assert lines[3].split(" | ")[7:9] == ["0.33 of frozen", ""]
    assert (tmp_path / "optics.md").read_text().splitlines() == lines[:4]
    with (tmp_path / "optics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4
    assert {(row["way"], row["zero"], row["stop"]) for row in rows} == {
        (way, "1.0", "finished") for way in ("layered", "frozen", "black-box")
    }
    for name in ("optics", "optics-learn"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 10_000


def test_a_map_of_a_feature_is_measured_once_and_kept(monkeypatch, tmp_path):
    task = Task("short", "helmholtz", 100_000, settings={"optimizer.n_steps": 1, "optimizer.final_steps": 0})
    monkeypatch.setitem(TASKS, "short", task)
    plan = SimpleNamespace(options=Options(), grid={"seed": [100]})
    maps = optics._feature_maps(task, plan, tmp_path)
    before, after = maps
    assert before.shape == (65, 65)
    # A sine's readings, before and after a step that moved it.
    assert 0.01 < np.abs(after - before).max() <= 2.0
    monkeypatch.setattr(optics, "train", None)
    np.testing.assert_array_equal(optics._feature_maps(task, plan, tmp_path), maps)
    line = Task("line", "poisson10", 100_000)
    monkeypatch.setitem(TASKS, "line", line)
    assert optics._feature_maps(line, plan, tmp_path) is None

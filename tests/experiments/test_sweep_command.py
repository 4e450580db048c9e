"""`photonzero sweep`, `report` and `bench sweep` as a user calls them."""

import json
import subprocess
import sys

import pytest

from photonzero.experiments import cli
from photonzero.experiments.bench import sweep as bench
from photonzero.experiments.files.errors import UsageError

SMALL = ("--set", "chips=2", "--set", "n_modes=4", "--set", "sigma_phase_rad=[0.01, 0.1]")
SERIAL = ("--executor", "serial", "--quiet")


def call(*arguments):
    cli.cli.main(list(arguments), standalone_mode=False)


def test_a_study_lands_in_a_folder_named_by_its_content_and_its_own_file_continues_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call("sweep", "phase-error", *SMALL, *SERIAL)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("sweep-phase-error-")
    before = (folder / "table.csv").stat()
    call("sweep", str(folder / "study.toml"), *SERIAL)
    call("report", str(folder), "--quiet")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [folder.name]
    assert (folder / "table.csv").stat().st_mtime_ns == before.st_mtime_ns
    assert (folder / "report.html").stat().st_size > 10_000


def test_the_summary_shows_medians_and_says_where_everything_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call("sweep", "phase-error", *SMALL, "--executor", "serial", "--out", "here")
    shown = capsys.readouterr()
    assert "sigma_phase_rad  fidelity" in shown.out
    assert "medians of 2 samples each; table.csv and figures are in here" in shown.out
    assert "= 4 samples on serial -> here" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "study: 'nothing'; allowed: phase-error"),
        (("none.toml",), "none.toml: No such file"),
        (("phase-error", "--set", "sigma_phase_rad=-1"), "sigma_phase_rad: -1; allowed: numbers >= 0"),
        (("phase-error", "--set", "colour=1"), "unknown key colour; allowed"),
        (("deployment", "--set", "noise=loud"), "noise: 'loud'; allowed"),
        (("deployment", "--set", "recovery_factor=0.5"), "recovery_factor: 0.5; allowed: >= 1"),
        (("phase-error", "--workers", "0"), "workers: 0; allowed: >= 1"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=message):
        call("sweep", *arguments, "--quiet")
    assert list(tmp_path.iterdir()) == []


def test_quick_belongs_to_a_name(tmp_path):
    (tmp_path / "own.toml").write_text('study = "phase-error"\n')
    with pytest.raises(UsageError, match="--quick with"):
        call("sweep", str(tmp_path / "own.toml"), "--quick")


def test_the_command_exits_with_two_on_a_table_of_another_study(tmp_path):
    (tmp_path / "table.csv").write_text("a\n1\n")
    line = "from photonzero.experiments.cli import main; main()"
    command = [sys.executable, "-c", line, "sweep", "phase-error", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"photonzero: error: {tmp_path}: holds a table without its study.toml; allowed: another --out"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_the_benchmark_compares_the_engine_with_the_bare_kernel(monkeypatch, capsys):
    monkeypatch.setattr(bench, "_CHIPS", 2)
    monkeypatch.setattr(bench, "_ROUNDS", 1)
    monkeypatch.setattr(bench, "available_threads", lambda: 1)
    call("bench", "sweep", "--json")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    ratio = result["engine_meshes_per_s"] / result["bare_meshes_per_s"]
    assert result["engine_over_bare"] == pytest.approx(ratio)
    assert result["two_workers_over_one"] is None

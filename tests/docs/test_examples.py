"""The examples of the README: the files in examples/, word for word, short, and they run."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from photonzero.experiments import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = {
    name: text.rstrip("\n")
    for name, text in re.findall(r"<!-- (examples/\w+\.py) -->\n```python\n(.*?)```", README, re.DOTALL)
}
MAX_LINES = 12


def test_all_five_are_shown():
    names = ("fidelity", "measure", "own_pde", "own_optimizer", "own_chip")
    assert set(SHOWN) == {f"examples/{name}.py" for name in names}


@pytest.mark.parametrize("name", SHOWN)
def test_they_are_the_files_and_short(name):
    assert SHOWN[name] == (ROOT / name).read_text(encoding="utf-8").rstrip("\n")
    assert sum(bool(line.strip()) for line in SHOWN[name].splitlines()) <= MAX_LINES


def run(name):
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_fidelity_falls_with_the_error_of_the_couplers(capsys):
    run("fidelity")
    values = [float(line.rpartition(" ")[2]) for line in capsys.readouterr().out.splitlines()]
    assert len(values) == 6
    for of_one_mesh in (values[:3], values[3:]):
        assert 1 > of_one_mesh[0] > of_one_mesh[1] > of_one_mesh[2] > 0.8


def test_a_chip_is_measured(capsys):
    run("measure")
    out = capsys.readouterr().out
    assert "design 'tonn-tiny', noise published, seed 0" in out
    assert out.count("]") == 3


def test_an_own_pde_is_trained_and_plotted():
    scope = run("own_pde")
    assert Path("cooling.png").stat().st_size > 10_000
    trained = scope["run"]
    # The slowest mode decays as exp(-pi^2 t).
    u = trained.predict([[0.5, 0.05], [0.5, 0.2]])[:, 0]
    assert u == pytest.approx([0.61, 0.139], abs=0.02)


def test_an_own_optimizer_is_compared(capsys):
    run("own_optimizer")
    lines = capsys.readouterr().out.splitlines()
    errors = [float(re.search(r"rel_l2 ([\d.e+-]+)", line)[1]) for line in lines]
    assert "optimizer BestOfSixteen" in lines[0]
    assert errors[2] < 0.01 < min(errors[:2])


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments), "--quiet"])
    cli.main()


def test_an_own_chip_is_trained_by_the_command_and_resumed_to_the_same_end(monkeypatch, tmp_path):
    chip = ROOT / "examples" / "own_chip.py"
    given = ("train", "heat", "--chip", f"{chip}:MyChip", "--set", "batch_size=200")
    command(monkeypatch, *given, "--max-inferences", 90_000, "--out", "at-once")
    command(monkeypatch, *given, "--max-inferences", 40_000, "--out", "in-two")
    command(monkeypatch, "train", "--resume", "in-two", "--max-inferences", 90_000)
    at_once, in_two = (json.loads(Path(name, "result.json").read_text()) for name in ("at-once", "in-two"))
    assert at_once["chip"] == "MyChip"
    assert at_once["rel_l2"] == in_two["rel_l2"] < 0.5
    assert at_once["inferences"] == in_two["inferences"]
    assert f"--chip {chip.name}:MyChip" in README

"""The command on a user's own PDE: check, train, resume, and a file that changed."""

import json
import sys
from pathlib import Path

import pytest

from photonzero.experiments import cli
from tests.training.problems.test_user_problems import documented_example

_SMALL = ["--max-inferences", "60000", "--set", "batch_size=150", "--quiet"]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments)])
    cli.main()


@pytest.fixture
def my_pde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my_pde.py"
    path.write_text(documented_example())
    return path


def test_check_train_resume_and_a_changed_file(my_pde, monkeypatch, capsys):
    run(monkeypatch, "check", "my_pde.py:Advection")
    assert "walls" in capsys.readouterr().out
    run(monkeypatch, "train", "my_pde.py:Advection", "--out", "run", *_SMALL)
    result = json.loads(Path("run/result.json").read_text())
    assert result["problem"] == f"{my_pde}:Advection"
    assert 0 < result["rel_l2"] < 1
    run(monkeypatch, "train", "--resume", "run", "--max-inferences", "90000", "--quiet")
    assert json.loads(Path("run/result.json").read_text())["steps"] > result["steps"]
    my_pde.write_text(my_pde.read_text().replace("0.01 * u.xx", "0.02 * u.xx"))
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "train", "--resume", "run", "--max-inferences", "120000", "--quiet")
    assert stopped.value.code == 2
    assert f"{my_pde}: has changed since the run began" in capsys.readouterr().err
    # The exact solution is of the old equation.
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "check", "my_pde.py:Advection")
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert "Advection: the reference does not satisfy pde (relative residual" in message
    assert message.count("\n") == 1


def test_a_pde_without_a_solution_trains(my_pde, monkeypatch, capsys):
    code = my_pde.read_text()
    my_pde.write_text(code[: code.index("    def exact")].replace("u - self.exact(at)", "u.value"))
    run(monkeypatch, "train", "my_pde.py", "--out", "run", *_SMALL)
    result = json.loads(Path("run/result.json").read_text())
    assert result["rel_l2"] is None
    assert result["final_loss"] > 0
    for arguments, message in (
        (("train", "my_pde.py", "--target-error", "0.1"), "which has no exact solution"),
        (("check", "my_pde.py"), "no exact solution; allowed: a method exact"),
        (("train", "my_pde.py:Other"), "no problem 'Other'; allowed: Advection"),
        (("train", "gone.py:Other"), "gone.py: No such file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, *arguments)
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err

"""The command on a user's own PDE: check, train, resume, and a file that changed."""

import json
import sys
import tomllib
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


def test_a_run_starts_from_what_the_pde_suggests_and_from_what_is_asked_for(my_pde, monkeypatch, capsys):
    code = my_pde.read_text()
    suggested = 'suggested = {"chip": "tonn-smooth", "batch_size": 33, "derivatives": "central4"}'
    assert "    domain =" in code
    my_pde.write_text(code.replace("    domain =", f"    {suggested}\n    domain =", 1))
    run(monkeypatch, "train", "my_pde.py", "--out", "run", "--max-inferences", "30000", "--quiet")
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["chip"] == "tonn-smooth"
    assert config["batch_size"] == 33
    assert config["derivatives"]["name"] == "central4"
    run(monkeypatch, "train", "my_pde.py", "--out", "other", "--derivatives", "central", *_SMALL)
    config = tomllib.loads(Path("other/config.toml").read_text())
    assert config["batch_size"] == 150
    assert config["derivatives"]["name"] == "central"
    my_pde.write_text(my_pde.read_text().replace("central4", "centrl4"))
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "train", "my_pde.py", "--quiet")
    assert stopped.value.code == 2
    assert "stencil rule: 'centrl4' (did you mean 'central4'?)" in capsys.readouterr().err

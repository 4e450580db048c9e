"""Every failure is one line that names its place; nothing else is left, and nothing is done in silence."""

import json
import sys
import textwrap

import pytest

from photonzero.experiments import cli
from photonzero.experiments.bench import BENCHMARKS, explained
from photonzero.experiments.commands import list_names
from tests.experiments.command import command, refused

OWN = """
    import sys
    from photonzero.training.pde import Condition
    from photonzero.training.problems import PDE

    class Own(PDE):
        domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}
        calls = 0

        def residual(self, at, u):
            self.calls += 1
            BODY
            return u.t - u.xx

        def conditions(self):
            return [Condition("initial", {"t": 0.0}, lambda at, u: u - at.x)]
"""
SMALL = ("--quiet", "--steps", "2", "--set", "batch_size=20")


@pytest.fixture
def own(tmp_path):
    """A PDE of one's own with a line in its residual, line 11 of its file."""

    def write(body):
        (tmp_path / "own.py").write_text(textwrap.dedent(OWN.replace("BODY", body)).lstrip())
        return f"{tmp_path / 'own.py'}:Own"

    return write


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('at once')", "KeyError: 'at once'"),
        ("at.y", "coordinate: at.y; allowed: x, t"),
        ("if self.calls > 4: raise KeyError('later')", "KeyError: 'later'"),
        ("if self.calls > 4: at.y", "coordinate: at.y; allowed: x, t"),
        ("sys.exit(7)", "SystemExit: 7"),
        ("if self.calls > 4: sys.exit(7)", "SystemExit: 7"),
    ],
)
def test_ones_own_exception_is_a_line_with_its_file_and_line_at_any_time(
    own, monkeypatch, capsys, tmp_path, body, said
):
    message = refused(monkeypatch, capsys, "train", own(body), *SMALL, "--out", tmp_path / "run")
    assert said in message
    assert f"{tmp_path / 'own.py'}, line 11" in message


def test_debug_shows_the_traceback_too_wherever_it_stands(own, monkeypatch, capsys, tmp_path):
    name = own("raise KeyError('at once')")
    for arguments in (("--debug", "train", name), ("train", name, "--debug")):
        with pytest.raises(SystemExit) as stopped:
            command(monkeypatch, *arguments, "--quiet", "--out", tmp_path / "run")
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "Traceback" in said
        assert "raise KeyError" in said
        assert said.splitlines()[-1].startswith("photonzero: error: ")


def test_what_nobody_expected_is_a_line_too_and_has_a_code_of_its_own(monkeypatch, capsys):
    def broken():
        raise RuntimeError("at heart")

    monkeypatch.setattr(list_names, "known_names", broken)
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, "list")
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "unexpected RuntimeError: at heart" in said
    assert "--debug" in said


def test_a_full_disk_names_the_file_that_it_hit(monkeypatch, capsys, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    message = refused(monkeypatch, capsys, "train", "hjb2", *SMALL, "--out", tmp_path / "run")
    assert message.endswith("config.toml: no space left on the disk\n")


def test_a_budget_that_ends_before_the_first_step_is_no_result(monkeypatch, capsys, tmp_path):
    start = ("train", "hjb2", "--quiet", "--set", "batch_size=20", "--max-inferences", "10")
    message = refused(monkeypatch, capsys, *start, "--out", tmp_path / "run")
    assert "max_inferences: 10 end before the first step (the next round needs" in message
    assert not (tmp_path / "run" / "result.json").exists()
    # Nothing is lost: it goes on with a larger one.
    command(
        monkeypatch,
        "train",
        "--resume",
        tmp_path / "run",
        "--max-inferences",
        "1e6",
        "--steps",
        "1",
        "--quiet",
    )
    assert json.loads((tmp_path / "run" / "result.json").read_text())["steps"] == 1


@pytest.mark.parametrize("what", [("train", "hjb2", *SMALL), ("sweep", "phase-error", "--quick", "--quiet")])
def test_a_folder_with_anything_else_in_it_is_refused(monkeypatch, capsys, tmp_path, what):
    (tmp_path / "thesis.tex").write_text("chapter one")
    message = refused(monkeypatch, capsys, *what, "--out", tmp_path)
    assert "holds thesis.tex, not of this command; allowed: a new or an empty folder" in message
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_killed_process_was_writing_is_removed(monkeypatch, tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.toml.abcdefgh.part").write_text("problem = ")
    command(monkeypatch, "train", "hjb2", *SMALL, "--out", tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("x=" + "1" * 4301, "allowed: a value as TOML writes it"),
        ("batch_size=" + "[" * 3000, "allowed: a value as TOML writes it"),
        ("seed=9999999999999999999999", "seed: 99999999999999999999..; allowed: integers below 2^63"),
        ("target=[1e300]", "unknown key target"),
        ("limits.divergence_factor=1e300", "limits.divergence_factor: 1e+300; allowed: 0, or magnitudes"),
        ("points.n_test=9223372036854775807", "n_test: 9223372036854775807; allowed: 1 to 2147483647"),
        ("optimizer.n_dampings=9223372036854775807", "n_dampings: 9223372036854775807; allowed"),
        ("limits.answer_timeout_s=1e12", "answer_timeout_s: 1000000000000.0; allowed: > 0, up to"),
        ('problem="\\u0000.py"', "problem: "),
        ("derivatives.noise_std='x'", "noise_std: x; allowed: finite numbers >= 0"),
        (
            "noise.insertion_loss.cell_db=10000",
            "cell_db: 10000.0; allowed: a number from 0 to 80",
        ),
    ],
)
def test_a_number_that_nothing_holds_is_named(monkeypatch, capsys, tmp_path, setting, said):
    message = refused(
        monkeypatch, capsys, "train", "black-scholes", "--set", setting, "--out", tmp_path / "run"
    )
    assert said in message
    assert not (tmp_path / "run").exists()


def test_axes_of_a_study_are_held_too(monkeypatch, capsys, tmp_path):
    for value in ("9" * 400, "{from=1, to=1e300, count=3}", "{from=1, to=2, count=99999999999}"):
        given = ("--set", f"sigma_phase_rad={value}", "--out", tmp_path / "study")
        message = refused(monkeypatch, capsys, "sweep", "phase-error", *given)
        assert "sigma_phase_rad" in message


def test_the_command_leaves_its_arguments_alone(monkeypatch):
    arguments = ["photonzero", "--debug", "list", "noise"]
    monkeypatch.setattr(sys, "argv", arguments)
    cli.main()
    assert sys.argv == ["photonzero", "--debug", "list", "noise"]


def test_words_that_help(monkeypatch, capsys, tmp_path):
    said = refused(
        monkeypatch, capsys, "sweep", "crosstalk", "--set", "bits=[4]", "--out", tmp_path / "study"
    )
    assert "unknown key bits; allowed: study, chips, seeds, root_seed, grid, options, " in said
    assert "coupling" in said
    said = refused(monkeypatch, capsys, "train", "hjb20", "--chip", "tonn-hjb2o")
    assert "did you mean 'tonn-hjb20'?" in said
    assert said.endswith("file.py:Name, FILE.toml\n")
    command(monkeypatch, "cost", "tonn-hjb20")
    assert "not feasible: " in capsys.readouterr().err
    command(monkeypatch, "cost", "tonn-1024")
    assert not capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_figures_of_a_benchmark_are_explained(name):
    assert "better" in explained(name)

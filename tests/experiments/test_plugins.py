"""Installed packages that bring things by entry points, as the command meets them."""

import importlib.metadata
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from photonzero.experiments.config.chips import CHIPS
from photonzero.experiments.tasks.registry import KINDS
from photonzero.training.callbacks import CALLBACKS
from photonzero.training.optimizers import OPTIMIZERS
from photonzero.training.problems import PROBLEMS
from photonzero.training.stencils import RULES
from tests.experiments.command import command, refused

REGISTRIES = {
    "--chip": CHIPS,
    "--optimizer": OPTIMIZERS,
    "--derivatives": RULES,
    "--callback": CALLBACKS,
    "problem": PROBLEMS,
}
TINY = ("--set", "batch_size=20", "--steps", "1", "--quiet", "--out", "run")


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Packages that bring things, and the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    real = importlib.metadata.entry_points

    def install(registry, *values, name="theirs"):
        points = []
        for k, value in enumerate(values):
            point = EntryPoint(name, value, registry.group)
            vars(point)["dist"] = SimpleNamespace(name=f"package-{k}")
            points.append(point)
        theirs = registry.group
        monkeypatch.setattr(
            importlib.metadata,
            "entry_points",
            lambda **of: points if of == {"group": theirs} else real(**of),
        )
        # What is installed is looked up once: looked up again now, and again after the test.
        for each in (*REGISTRIES.values(), KINDS):
            monkeypatch.setitem(vars(each), "_plugins", None)
            del vars(each)["_plugins"]

    yield install
    for each in (*REGISTRIES.values(), KINDS):
        vars(each).pop("_plugins", None)


def asking(option):
    return ("theirs",) if option == "problem" else ("hjb2", option, "theirs")


@pytest.mark.parametrize("option", REGISTRIES)
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("gone_module:Thing",), ("package-0", "cannot be loaded", "ModuleNotFoundError")),
        (("json:no_such_thing",), ("package-0", "cannot be loaded", "AttributeError")),
        (("sys:maxsize",), ("allowed",)),
        (("json:dumps", "json:loads"), ("package-0 and by package-1", "uninstall the other")),
    ],
)
def test_a_plugin_at_fault_is_one_line(option, values, words, installed, monkeypatch, capsys):
    installed(REGISTRIES[option], *values)
    message = refused(monkeypatch, capsys, "train", *asking(option), *TINY)
    assert all(word in message for word in (*words, "theirs"))
    # Whatever is wrong with it, everything else is listed.
    command(monkeypatch, "list")
    listed = capsys.readouterr().out
    assert "theirs" in listed
    assert "gauss-newton" in listed


def test_a_plugin_of_a_name_that_is_taken_is_one_line(installed, monkeypatch, capsys):
    installed(OPTIMIZERS, "json:dumps", name="gauss-newton")
    message = refused(monkeypatch, capsys, "train", "hjb2", *TINY)
    assert "'gauss-newton': brought by photonzero itself and by package-0" in message


THEIRS = '''
from pathlib import Path

from photonzero.experiments.tasks.pde import PdeTask
from photonzero.training.problems import HJB


class FourDimensional(HJB):
    def __init__(self):
        super().__init__(2)

    suggested = {"chip": "tonn-tiny", "batch_size": 30}


class Task(PdeTask):
    """A third kind of task: files whose names end with .pde, a word each."""

    @classmethod
    def find(cls, problem):
        if not str(problem).endswith(".pde"):
            return None
        return cls(problem, HJB(int(Path(problem).read_text())), True)

    @classmethod
    def known(cls):
        return {"file.pde": "Number of dimensions in a file."}
'''


def test_a_problem_of_a_package_brings_its_own_preset(installed, monkeypatch, tmp_path):
    (tmp_path / "theirs_problem.py").write_text(THEIRS)
    installed(PROBLEMS, "theirs_problem:FourDimensional")
    command(monkeypatch, "train", "theirs", "--steps", "1", "--quiet", "--out", "run")
    text = (tmp_path / "run" / "config.toml").read_text()
    assert 'problem = "theirs"\nchip = "tonn-tiny"' in text
    assert "batch_size = 30" in text


def test_a_third_kind_of_task_is_a_class_and_a_line(installed, monkeypatch, capsys, tmp_path):
    (tmp_path / "theirs_task.py").write_text(THEIRS)
    (tmp_path / "two.pde").write_text("2")
    installed(KINDS, "theirs_task:Task")
    command(monkeypatch, "train", "two.pde", *TINY)
    assert 'problem = "two.pde"' in (tmp_path / "run" / "config.toml").read_text()
    assert "hjb20, " in (message := refused(monkeypatch, capsys, "train", "three", *TINY))
    assert "mnist, file.pde" in message


@pytest.mark.parametrize(
    ("what", "name", "option"),
    [("noise", "published", "--noise"), ("chip", "tonn-tiny", "--chip"), ("preset", "hjb2", "--config")],
)
def test_what_is_shown_loads_again(what, name, option, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    command(monkeypatch, "show", what, name)
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out)
    problem = () if option == "--config" else ("hjb2",)
    command(monkeypatch, "train", *problem, option, "mine.toml", *TINY)
    command(monkeypatch, "train", "hjb2", *TINY[:-1], "plain")
    mine, plain = ((tmp_path / folder / "history.csv").read_text() for folder in ("run", "plain"))
    # All but the time that it took.
    assert [row.split(",")[:4] for row in mine.splitlines()] == [
        row.split(",")[:4] for row in plain.splitlines()
    ]

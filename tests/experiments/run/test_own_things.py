"""The command on things of one's own, each in a file: chip, optimizer, callback."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import photonzero as pz
from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured, run
from photonzero.photonics.designs import get_design
from photonzero.training.classification import Dataset
from photonzero.training.optimizers import PopulationOptimizer
from photonzero.training.oracle import ControlGroup
from photonzero.training.trainer import Limits
from tests.experiments.command import command, refused

LAB = '''
import numpy as np
from photonzero import ControlGroup


class Bench:
    """16 sine features of eight heaters in a laboratory, and electronics behind them."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.frequency = 0.5 * rng.standard_normal((16, 3))
        self.mixing = rng.standard_normal((16, 8))
        self.n_controls = 25
        self.control_groups = {
            "heaters": ControlGroup(0, 8, "phase", grid_step=2 * np.pi / 255),
            "readout": ControlGroup(8, 25, "digital", scale=0.25),
        }
        self.readout_weight, self.readout_bias = slice(8, 24), slice(24, 25)

    def measure_features(self, controls, inputs):
        points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
        return np.sin(points @ self.frequency.T + (controls[:, :8] @ self.mixing.T)[:, None, :])

    def measure(self, controls, inputs):
        features = self.measure_features(controls, inputs)
        return features @ controls[:, 8:24, None] + controls[:, None, 24:]


class Drifting(Bench):
    """The same with heaters that drift, and a state."""

    def __init__(self, seed=0):
        super().__init__(seed)
        self.count = 0

    def initial_controls(self, rng):
        return rng.uniform(0.0, 1.0, self.n_controls)

    def measure_features(self, controls, inputs):
        self.count += 1
        return super().measure_features(controls + 1e-4 * self.count, inputs)

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]


def listening(progress):
    """Stops after three steps."""
    return {"enough": "three"} if progress.step >= 3 else None
'''

SMALL = ("--max-inferences", "3e5", "--set", "batch_size=40", "--quiet")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my_lab.py"
    path.write_text(LAB)
    return path


def checkpoint(folder):
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.mark.parametrize("chip", ["Bench", "Drifting"])
def test_a_chip_from_a_file_is_trained_and_resumed_to_the_same_bits(lab, monkeypatch, capsys, chip):
    arguments = ("train", "hjb2", "--chip", f"my_lab.py:{chip}", *SMALL)
    command(monkeypatch, *arguments, "--out", "whole")
    command(monkeypatch, *arguments, "--steps", 2, "--out", "part")
    capsys.readouterr()
    command(monkeypatch, "train", "--resume", "part", "--steps", 100000)
    told = "no state() and restore()" in capsys.readouterr().err
    assert told == (chip == "Bench")
    whole, part = (checkpoint(Path(name)) for name in ("whole", "part"))
    for key in ("optimizer/x", "objective/balance"):
        np.testing.assert_array_equal(part[key], whole[key])
    np.testing.assert_array_equal(part["history"][:, :4], whole["history"][:, :4])
    result = json.loads(Path("whole/result.json").read_text())
    assert result["rel_l2"] < 0.1
    assert (result["chip"], result["noise"], result["n_controls"]) == (chip, "unknown", 25)
    assert (result["n_mzi"], result["chip_time_s"], result["chip_energy_j"]) == (0, None, None)
    assert (Path("whole") / "sources" / "my_lab.py").read_text() == LAB


def test_a_file_that_was_edited_or_is_gone_is_named(lab, monkeypatch, capsys):
    command(monkeypatch, "train", "hjb2", "--chip", "my_lab.py:Bench", *SMALL, "--steps", 1, "--out", "run")
    lab.write_text(LAB.replace("0.5 *", "0.6 *"))
    for arguments in (("--resume", "run", "--steps", 3), ("--config", "run/config.toml", "--out", "again")):
        assert f"{lab}: has changed since the run began" in refused(monkeypatch, capsys, "train", *arguments)
    lab.unlink()
    message = refused(monkeypatch, capsys, "train", "--resume", "run", "--steps", 3)
    assert f"{lab}: No such file" in message
    # What the run was made with is in its folder.
    lab.write_text((Path("run") / "sources" / "my_lab.py").read_text())
    command(monkeypatch, "train", "--resume", "run", "--steps", 3, "--quiet")
    assert json.loads(Path("run/result.json").read_text())["steps"] == 3


def test_a_callback_from_a_file_is_called_and_may_stop(lab, monkeypatch):
    command(
        monkeypatch, "train", "hjb2", "--chip", "my_lab.py:Bench", "--callback", "my_lab.py:listening",
        *SMALL, "--out", "run",
    )  # fmt: skip
    result = json.loads(Path("run/result.json").read_text())
    assert (result["steps"], result["stop"]) == (3, {"enough": "three"})


BAD = {
    "no attribute": ("", "broken.py: no chip 'Bench'; allowed: none"),
    "not python": ("def", "broken.py: SyntaxError"),
    "exits": ("import sys; sys.exit(7)", "broken.py: SystemExit: 7"),
    "no chip": ("Bench = 3", "chip broken.py:Bench: 3; allowed: a class, a function or an object"),
    "no measure": (
        "class Bench:\n n_controls = 3\n control_groups = {}",
        "no measure; allowed: an object with",
    ),
    "needs more": (
        "class Bench:\n def __init__(self, port): pass\n measure = None",
        "chip broken.py:Bench: TypeError",
    ),
    "gap": (
        LAB.replace('ControlGroup(8, 25, "digital"', 'ControlGroup(9, 25, "digital"'),
        "control 8 is in 0 groups; allowed: every control in one",
    ),
    "count": (
        LAB.replace("self.n_controls = 25", "self.n_controls = 0"),
        "n_controls 0; allowed: an integer",
    ),
    "shape": (
        LAB.replace("24:]", "23:]").replace("_weight", "_heaters"),
        "2 outputs; allowed: 1, as hjb2 has",
    ),
    "raises": (
        LAB.replace("self.frequency.T +", "self.nothing.T +"),
        "broken.py, line 22: AttributeError: 'Bench' object has no attribute 'nothing'",
    ),
    "state": (
        LAB
        + "    return None\n\nBench.state = lambda self: {'a': np.zeros(2)}\nBench.restore = Bench.state\n",
        "state() cannot be saved (Object of type ndarray",
    ),
    "inputs": (LAB + "\nBench.n_in = 7\n", "chip Bench: 7 inputs; allowed for hjb2: 3"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_chip_that_breaks_its_contract_is_one_line(kind, lab, monkeypatch, capsys):
    code, message = BAD[kind]
    Path("broken.py").write_text(code)
    out = ("--out", "run")
    found = refused(monkeypatch, capsys, "train", "hjb2", "--chip", "broken.py:Bench", *SMALL, *out)
    assert message in found


def test_what_a_chip_does_not_take_is_refused(lab, monkeypatch, capsys):
    lab.write_text(LAB.replace("seed=0", ""))
    for arguments, message in (
        (("--noise", "harsh"), "noise: 'harsh' for chip Bench, which takes none"),
        (("--set", "n_chips=2"), "chip Bench, which takes no seed; allowed: one chip"),
    ):
        chip = ("--chip", "my_lab.py:Bench")
        assert message in refused(monkeypatch, capsys, "train", "hjb2", *chip, *arguments)


OPTIMIZER = '''
from dataclasses import dataclass

import numpy as np

from photonzero.training.optimizers import PopulationOptimizer


class Walk(PopulationOptimizer):
    """A random walk that keeps what is better."""

    @dataclass(frozen=True)
    class Options:
        size: float = 0.05

    def propose(self):
        steps = self.rng.standard_normal((8, self.controls.size))
        return self.controls + self.options.size * self.scale * steps

    def learn(self, settings, losses):
        self.controls = settings[np.argmin(losses)]
'''


def test_an_optimizer_from_a_file_is_trained_and_resumed_to_the_same_bits(lab, monkeypatch, capsys):
    Path("walk.py").write_text(OPTIMIZER)
    arguments = ("train", "hjb2", "--optimizer", "walk.py:Walk", *SMALL, "--set", "optimizer.size=0.02")
    command(monkeypatch, *arguments, "--out", "whole")
    command(monkeypatch, *arguments, "--steps", 2, "--out", "part")
    command(monkeypatch, "train", "--resume", "part", "--steps", 100000, "--quiet")
    whole, part = (checkpoint(Path(name)) for name in ("whole", "part"))
    np.testing.assert_array_equal(part["optimizer/controls"], whole["optimizer/controls"])
    assert json.loads(Path("whole/result.json").read_text())["optimizer"] == f"{lab.parent}/walk.py:Walk"
    assert "size = 0.02" in Path("whole/config.toml").read_text()
    again = ("train", "hjb2", "--optimizer", "walk.py:Walk", "--set", "optimizer.length=1")
    assert "unknown key optimizer.length; allowed: size" in refused(monkeypatch, capsys, *again)


def test_objects_from_python_are_trained_like_names(lab):
    # The documented way from Python: objects in place of names, dotted keys, Limits as an object.
    scope = {}
    exec(compile(LAB, "lab", "exec"), scope)
    settings = {"points.n_test": 50, "optimizer.n_directions": 4}
    config = configured(
        "hjb2", chip=scope["Bench"], max_inferences=60_000, batch_size=40, settings=settings, seed=3
    )
    assert (config.chip_name, config.noise.name, config.seed) == ("Bench", "unknown", 3)
    assert config.optimizer.options.n_directions == 4
    assert config.own.points.n_test == 50
    assert config.to_table()["chip"] == "python:Bench"
    by_class = run(config)
    by_object = run(configured("hjb2", chip=scope["Bench"](seed=3), max_inferences=60_000, batch_size=40,
                               settings=settings, seed=3, limits=Limits(max_inferences=60_000)))  # fmt: skip
    np.testing.assert_array_equal(by_class.run.optimizer.controls, by_object.run.optimizer.controls)
    assert by_class.result["rel_l2"] == by_object.result["rel_l2"]


def test_a_run_of_an_object_says_that_it_cannot_be_made_again(lab, monkeypatch, capsys):
    scope = {}
    exec(compile(LAB, "lab", "exec"), scope)
    run(configured("hjb2", chip=scope["Bench"](), max_inferences=20_000, batch_size=40), out="run")
    message = refused(monkeypatch, capsys, "train", "--resume", "run")
    assert (
        "chip python:Bench was given from Python as an object; allowed: train it from Python again" in message
    )


class Cooling(pz.PDE):
    domain: ClassVar = {"x": (0.0, 1.0), "t": (0.0, 1.0)}

    def residual(self, at, u):
        return u.t - u.xx


def test_whatever_has_a_name_can_be_an_object_too():
    few = {"max_steps": 1, "batch_size": 60, "settings": {"points.n_test": 50, "points.n_validation": 50}}
    by_name = run(configured("heat", chip="tonn-plane", noise="published", **few), threads=1)
    fabricated = pz.fabricate("tonn-plane", "published", seed=0)
    for chip, noise in ((fabricated, None), (get_design("tonn-plane"), pz.noise("published"))):
        config = configured("heat", chip=chip, noise=noise, **few)
        assert (config.noise.name, config.noise.model) == ("own", pz.noise("published"))
        found = run(config, threads=1)
        np.testing.assert_array_equal(found.run.optimizer.controls, by_name.run.optimizer.controls)
        assert found.result["n_mzi"] == by_name.result["n_mzi"] > 0
    for problem in (Cooling, Cooling()):
        config = configured(problem, optimizer=Walking, **few)
        assert (config.task.name, config.optimizer.name) == ("python:Cooling", "python:Walking")
        assert run(config, threads=1).result["steps"] == 1


def test_a_dataset_from_python_is_classified():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (90, 3))
    parts = [(part, (part[:, 0] > 0).astype(np.int64)) for part in np.split(inputs, 3)]
    data = Dataset("halves", 2, *parts, frame=None)
    config = configured(data, chip=Halves, batch_size=30, max_steps=3, optimizer=Walking)
    result = run(config).result
    assert (result["problem"], result["derivatives"]) == ("python:halves", "none")
    assert 0 <= result["test_accuracy"] <= 1
    with pytest.raises(UsageError, match="derivatives: 'central' for python:halves; allowed: none"):
        configured(data, chip=Halves, derivatives="central")
    with pytest.raises(UsageError, match="halves: 3 coordinates and 2 outputs; no chip has these"):
        configured(data)


class Halves:
    """Two outputs of three inputs, linear in its controls."""

    n_controls = 6
    control_groups: ClassVar = {"weights": ControlGroup(0, 6, "digital")}

    def measure(self, controls, inputs):
        return np.einsum("bi,poi->pbo", inputs, controls.reshape(-1, 2, 3))


class Walking(PopulationOptimizer):
    """A random walk."""

    def propose(self):
        return self.controls + 0.1 * self.rng.standard_normal((4, self.controls.size))

    def learn(self, settings, losses):
        self.controls = settings[np.argmin(losses)]


def test_a_chosen_method_starts_from_its_own_defaults():
    config = configured("hjb20", settings={"optimizer.name": "spsa"})
    assert config.optimizer.name == "spsa"
    assert config.batch_size == resolve(default_table("hjb20", "spsa")).batch_size

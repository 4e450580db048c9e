"""A noise part in a user's file keeps the contract, acts as its formula says, and fails in one line."""

import json
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import photonzero as pz
from photonzero.devices.errors import DeviceError
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.noise_part import NOISE_PARTS
from photonzero.devices.quantizer import TWO_PI_RAD
from photonzero.experiments import cli
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.registry import find_plan
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.mesh import MeshPhases, fabricate_mesh, rectangular
from photonzero.testing import NoisePartContract

OWN = '''
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ripple:
    """Drivers that are not linear."""

    amplitude_rad: float = 0.1

    def fabricate(self, column, mode, rng):
        return lambda phases: phases + self.amplitude_rad * np.sin(phases)

    def describe(self):
        return f"ripple {self.amplitude_rad:g} rad"


@dataclass(frozen=True)
class Random:
    std_rad: float

    def fabricate(self, column, mode, rng):
        error_rad = self.std_rad * (1 + column + mode) * rng.standard_normal(mode.size)
        return lambda phases: phases + error_rad


@dataclass(frozen=True)
class Nothing:
    std_rad: float = 0.0


@dataclass
class Thawed:
    def fabricate(self, column, mode, rng):
        return lambda phases: phases


class NoDataclass:
    def fabricate(self, column, mode, rng):
        return lambda phases: phases


@dataclass(frozen=True)
class Picky:
    std_rad: float = 0.0

    def __post_init__(self):
        if self.std_rad < 0:
            raise ValueError("std_rad below 0")

    def fabricate(self, column, mode, rng):
        return None


@dataclass(frozen=True)
class Failing:
    def fabricate(self, column, mode, rng):
        return rng.none


@dataclass(frozen=True)
class Short:
    def fabricate(self, column, mode, rng):
        return lambda phases: phases[:, 1:]


@dataclass(frozen=True)
class Endless:
    def fabricate(self, column, mode, rng):
        return lambda phases: phases / 0.0 if phases.ndim == 1 else phases * np.nan


@dataclass(frozen=True)
class Late:
    def fabricate(self, column, mode, rng):
        return lambda phases: phases + np.ones(3)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


class TestOfAFile(NoisePartContract):
    @pytest.fixture(params=["Ripple", "Random", "both"])
    def own_parts(self, request, own):
        parts = {f"{own}:Ripple": {}, f"{own}:Random": {"std_rad": 0.02}}
        return (
            parts if request.param == "both" else {f"{own}:{request.param}": parts[f"{own}:{request.param}"]}
        )


def test_the_contract_finds_a_part_that_mixes_settings(own):
    text = OWN.replace("* np.sin(phases)", "* phases.mean(axis=0)")
    own.write_text(text)
    with pytest.raises(AssertionError):
        NoisePartContract().test_equal_seeds_make_equal_errors_of_every_setting({"own.py:Ripple": {}})


def test_it_acts_at_the_end_of_the_static_errors(own):
    topology, phases = rectangular(4), MeshPhases.uniform(rectangular(4), np.random.default_rng(0))
    published = fabricate_mesh(topology, preset("published"), 3).realised(phases).joined()
    model = pz.noise("published", own_parts={"own.py:Ripple": {"amplitude_rad": 0.3}})
    realised = fabricate_mesh(topology, model, 3).realised(phases).joined()
    np.testing.assert_array_equal(realised, published + 0.3 * np.sin(published))


@pytest.mark.parametrize("exempt", [False, True])
def test_a_chip_with_it_is_the_chip_whose_phases_the_formula_made(own, exempt):
    design, rng = get_design("tonn-smooth"), np.random.default_rng(0)
    ripple = NoiseModel(own_parts={"own.py:Ripple": {"amplitude_rad": 0.3}}, ideal_singular_values=exempt)
    chip, plain = (fabricate(design, noise, 0, dtype=np.float64) for noise in (ripple, NoiseModel()))
    controls, points = chip.initial_controls(rng), rng.uniform(size=(5, design.n_in))
    expected = controls.copy()
    for name, group in chip.control_groups.items():
        if group.kind == "phase" and not (exempt and name.endswith("/s")):
            expected[group.slice] = controls[group.slice] % TWO_PI_RAD
            expected[group.slice] += 0.3 * np.sin(expected[group.slice])
    out = chip.measure(controls, points)
    np.testing.assert_allclose(out, plain.measure(expected, points), rtol=1e-9, atol=1e-12)
    assert np.abs(out - plain.measure(controls, points)).max() > 1e-3


def test_no_other_error_of_a_chip_changes_with_it(own):
    design = get_design("tonn-smooth")
    model = pz.noise("physical", own_parts={"own.py:Ripple": {"amplitude_rad": 0.0}})
    chip, without = (fabricate(design, noise, 2) for noise in (model, preset("physical")))
    controls = chip.initial_controls(np.random.default_rng(0))
    points = np.zeros((3, design.n_in))
    np.testing.assert_array_equal(chip.measure(controls, points), without.measure(controls, points))


def test_a_model_without_any_is_what_it_was():
    assert NoiseModel(own_parts={}) == NoiseModel()
    assert NoiseModel(own_parts={}).own_parts is None
    assert hash(NoiseModel(own_parts={})) == hash(NoiseModel())


def test_paths_are_absolute_once_read(own):
    model = NoiseModel(own_parts={"own.py:Ripple": {"amplitude_rad": 0.2}})
    assert model.own_parts == {f"{own}:Ripple": {"amplitude_rad": 0.2}}
    assert model.describe() == "ripple 0.2 rad"
    assert NoiseModel(own_parts={"own.py:Random": {"std_rad": 1}}).describe() == "Random"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"gone.py:Ripple": {}},
            "gone.py: No such file or directory; allowed: a Python file with a noise part",
        ),
        ({"own.py:None": {}}, "own.py: no noise part 'None'; allowed: Ripple, "),
        ({"ripple": {}}, "noise part: 'ripple'; allowed: file.py:Name"),
        ({"own.py:NoDataclass": {}}, "allowed: a frozen dataclass"),
        ({"own.py:Thawed": {}}, "allowed: a frozen dataclass"),
        ({"own.py:Nothing": {}}, "noise part 'own.py:Nothing': no fabricate; allowed: fabricate(self, "),
        ({"own.py:Ripple": 3}, "noise part Ripple: 3; allowed: a section"),
        ({"own.py:Ripple": {"std": 1.0}}, "noise part Ripple: unknown key std; allowed: amplitude_rad"),
        (
            {"own.py:Ripple": {"amplitude_rad": "a"}},
            "noise part Ripple amplitude_rad: 'a'; allowed: a finite",
        ),
        ({"own.py:Random": {}}, "noise part Random: std_rad is missing"),
        ({"own.py:Picky": {"std_rad": -1.0}}, "noise part Picky: ValueError: std_rad below 0 ("),
        (
            {"own.py:Ripple": {}, "./own.py:Ripple": {}},
            "noise part ./own.py:Ripple: named twice; allowed: once",
        ),
    ],
)
def test_what_is_no_part_is_named(own, parts, message):
    with pytest.raises(DeviceError) as refused:
        NoiseModel(own_parts=parts)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Picky", "noise part Picky: fabricate gives None; allowed: a function of phases (P, n) [rad]"),
        ("Failing", "noise part Failing: AttributeError: "),
        ("Short", "noise part Short: phases of shape (1, 15); allowed: (1, 16)"),
        ("Endless", "noise part Endless: phases that are not finite; allowed: finite ones [rad]"),
        ("Late", "noise part Late: ValueError: operands could not be broadcast"),
    ],
)
def test_a_part_that_fails_is_named(own, name, message):
    topology = rectangular(4)
    phases = MeshPhases.uniform(topology, np.random.default_rng(0))
    with pytest.raises(DeviceError) as refused:
        fabricate_mesh(topology, NoiseModel(own_parts={f"own.py:{name}": {}}), 0).realised(phases)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments)])
    cli.main()


def refused(monkeypatch, capsys, *arguments):
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, *arguments)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def checkpoint(folder):
    with np.load(Path(folder) / "checkpoint.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture
def mine(own):
    text = 'base = "published"\n[own_parts."own.py:Random"]\nstd_rad = 0.02\n[own_parts."own.py:Ripple"]\n'
    (own.parent / "mine.toml").write_text(text)
    return own


def test_a_run_with_it_resumes_to_the_same_bits_and_refuses_an_edited_file(mine, monkeypatch, capsys):
    arguments = ("train", "heat", "--noise", "mine.toml", "--set", "batch_size=20", "--quiet")
    command(monkeypatch, *arguments, "--steps", 4, "--out", "whole")
    command(monkeypatch, *arguments, "--steps", 2, "--out", "part")
    command(monkeypatch, "train", "--resume", "part", "--steps", 4, "--quiet")
    whole, part = checkpoint("whole"), checkpoint("part")
    np.testing.assert_array_equal(part["optimizer/x"], whole["optimizer/x"])
    np.testing.assert_array_equal(part["history"][:, :4], whole["history"][:, :4])
    assert json.loads(Path("whole/result.json").read_text())["noise"] == "mine.toml"
    assert (Path("whole") / "sources" / "own.py").read_text() == OWN
    config = tomllib.loads(Path("whole/config.toml").read_text())
    assert config["noise"]["own_parts"] == {f"{mine}:Random": {"std_rad": 0.02}, f"{mine}:Ripple": {}}
    mine.write_text(OWN.replace("np.sin", "np.cos"))
    message = refused(monkeypatch, capsys, "train", "--resume", "part", "--steps", 6)
    assert f"{mine}: has changed since the run began" in message


def test_the_command_shows_draws_and_refuses_it(mine, monkeypatch, capsys):
    command(monkeypatch, "show", "noise", "mine.toml")
    shown = tomllib.loads(capsys.readouterr().out)
    assert shown["own_parts"][f"{mine}:Random"] == {"std_rad": 0.02}
    command(monkeypatch, "draw", "rectangular", "--modes", 4, "--picture", "error", "--noise", "mine.toml",
            "--out", "error.png")  # fmt: skip
    assert Path("error.png").stat().st_size > 0
    Path("mine.toml").write_text('[own_parts."own.py:Ripple"]\namplitude = 1.0\n')
    message = refused(monkeypatch, capsys, "train", "heat", "--noise", "mine.toml")
    assert message.endswith("noise part Ripple: unknown key amplitude; allowed: amplitude_rad\n")
    Path("mine.toml").write_text('[own_parts]\n"own.py:Ripple" = 3\n')
    assert "allowed: a section" in refused(monkeypatch, capsys, "show", "noise", "mine.toml")
    with pytest.raises(UsageError, match="noise part: 'ripple'"):
        pz.noise(own_parts={"ripple": {}})


def test_an_entry_point_brings_one(own, monkeypatch, capsys):
    monkeypatch.syspath_prepend(own.parent)
    point = EntryPoint("ripple", "own:Ripple", "photonzero.noise_parts")
    monkeypatch.setitem(vars(NOISE_PARTS), "_plugins", {"ripple": [point]})
    assert NOISE_PARTS.group == point.group
    assert NoiseModel(own_parts={"ripple": {"amplitude_rad": 0.5}}).describe() == "ripple 0.5 rad"
    command(monkeypatch, "list", "noise-parts")
    assert "Drivers that are not linear." in capsys.readouterr().out
    sys.modules.pop("own")


def test_a_study_of_trainings_knows_when_the_file_has_changed(mine):
    table = {"study": "train", "grid": {"problem": ["heat"], "noise": [str(mine.parent / "mine.toml")]}}
    before = find_plan(table).fingerprint
    assert find_plan(table).fingerprint == before
    mine.write_text(OWN.replace("np.sin", "np.cos"))
    assert find_plan(table).fingerprint != before

"""The method that trains where none is asked for: by the problem, and by what the chip offers."""

import json

import pytest

from photonzero.experiments.config.run_config import resolve
from photonzero.experiments.run.api import configured
from photonzero.photonics.designs import get_design
from photonzero.training.testing import LastLayerLabChip, LayeredLabChip, ReadoutLabChip
from tests.experiments.command import command, refused


@pytest.mark.parametrize(
    ("problem", "given", "expected"),
    [
        ("digits", {}, "layered-adam"),
        ("mnist", {"chip": "tonn-mnist"}, "layered-adam"),
        ("mnist", {}, "gauss-newton"),
        ("mnist", {"chip": get_design("tonn-mnist")}, "layered-adam"),
        ("digits", {"optimizer": "gauss-newton"}, "gauss-newton"),
        ("digits", {"settings": {"optimizer.name": "gauss-newton"}}, "gauss-newton"),
        ("digits", {"n_chips": 2}, "gauss-newton"),
        ("digits", {"chip": LayeredLabChip}, "layered-adam"),
        ("digits", {"chip": LayeredLabChip(64)}, "layered-adam"),
        ("digits", {"chip": ReadoutLabChip}, "gauss-newton"),
        ("darcy", {}, "gauss-newton"),
        ("helmholtz", {}, "layered-gauss-newton"),
        ("helmholtz", {"chip": "tt-wave"}, "gauss-newton"),
        # A stencil that is asked for is measured.
        ("hjb20", {"derivatives": "sparse-grid"}, "gauss-newton"),
        ("hjb20", {"settings": {"derivatives.name": "sparse-grid"}}, "gauss-newton"),
    ],
)
def test_the_chip_and_the_problem_choose(problem, given, expected):
    config = configured(problem, **given)
    assert config.optimizer.name == expected
    assert type(config.optimizer.options) is config.optimizer.method.options


def test_a_design_in_a_file_says_what_it_offers(tmp_path):
    (tmp_path / "light.toml").write_text(
        "n_out = 10\n[[layers]]\nout_modes = [8]\nin_modes = [64]\nranks = [1, 1]\n"
    )
    assert configured("digits", chip=str(tmp_path / "light.toml")).optimizer.name == "layered-adam"


def test_the_command_says_once_why_it_takes_it(monkeypatch, capsys, tmp_path):
    command(monkeypatch, "train", "digits", "--steps", 1, "--out", tmp_path / "a")
    said = capsys.readouterr().err
    assert said.count("the layers of tonn-digits can be read: layered-adam trains it") == 1
    given = ("--optimizer", "rge-adam", "--steps", 1)
    command(monkeypatch, "train", "digits", *given, "--out", tmp_path / "b")
    assert "can be read" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "access", "expected"),
    [
        ("helmholtz", "layers", "layered-gauss-newton"),
        ("helmholtz", "last-layer", "last-layer-gauss-newton"),
        ("helmholtz", "outputs", "gauss-newton"),
        ("digits", "last-layer", "gauss-newton"),
        ("allen-cahn", "last-layer", "last-layer-gauss-newton"),
    ],
)
def test_how_far_the_chip_is_seen_chooses(problem, access, expected):
    config = configured(problem, access=access)
    assert (config.access, config.seen, config.optimizer.name) == (access, access, expected)
    assert resolve(config.to_table()) == config


def test_a_chip_of_ones_own_that_shows_its_last_layer_is_trained_through_it():
    config = configured("helmholtz", chip=LastLayerLabChip)
    assert (config.access, config.seen, config.optimizer.name) == (
        None,
        "last-layer",
        "last-layer-gauss-newton",
    )


def test_what_a_preset_says_of_layers_holds_for_the_last_one_with_twice_the_inferences():
    layered, through = (configured("poisson10", access=access) for access in ("layers", "last-layer"))
    assert through.limits.max_inferences == 2 * layered.limits.max_inferences
    assert through.optimizer.options.n_steps == layered.optimizer.options.n_steps
    assert through.own.derivatives == layered.own.derivatives
    own = configured("black-scholes", access="last-layer")
    assert own.limits.max_inferences == configured("black-scholes").limits.max_inferences


def test_runs_of_before_are_what_they_were():
    config = configured("helmholtz")
    assert "access" not in config.to_table()
    assert config.fingerprint() != configured("helmholtz", access="layers").fingerprint()


def test_the_command_says_what_is_seen_and_trains(monkeypatch, capsys, tmp_path):
    small = ("--set", "batch_size=50", "--chip", "tonn-plane", "--steps", 1)
    command(monkeypatch, "train", "helmholtz", "--access", "last-layer", *small, "--out", tmp_path / "a")
    said = capsys.readouterr().err
    assert said.count("only the last layer of tonn-plane can be read: last-layer-gauss-newton trains it") == 1
    command(monkeypatch, "train", "--config", tmp_path / "a" / "config.toml", "--out", tmp_path / "b")
    assert "can be read" not in capsys.readouterr().err
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in "ab"]
    assert results[0]["rel_l2"] == results[1]["rel_l2"]
    command(monkeypatch, "train", "helmholtz", "--access", "outputs", *small, "--out", tmp_path / "c")
    assert "the layers of tonn-plane cannot be read: gauss-newton trains it" in capsys.readouterr().err
    null = json.loads((tmp_path / "c" / "result.json").read_text())["null"]
    assert null["frozen_how"] == "not measured: the chip shows its outputs alone"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--access features", "access: 'features'; allowed: layers, last-layer, outputs"),
        ("--access last-layer --optimizer layered-gauss-newton", "no layers to read; allowed: one chip that"),
        ("--access last-layer --optimizer layered-adam", "no layers to read; allowed: one chip that offers"),
        ("--access outputs --optimizer last-layer-gauss-newton", "no last layer to read; allowed: one chip"),
        ("--set n_chips=2 --optimizer last-layer-gauss-newton", "no last layer to read; allowed: one chip"),
        ("--set n_chips=2 --optimizer layered-gauss-newton", "no layers to read; allowed: one chip"),
        ("--chip tonn-10d --optimizer last-layer-gauss-newton", "tonn-10d: 10 inputs; allowed for helmholtz"),
    ],
)
def test_access_that_is_not_there_is_one_clear_line(monkeypatch, capsys, tmp_path, given, said):
    assert said in refused(
        monkeypatch, capsys, "train", "helmholtz", *given.split(), "--out", tmp_path / "run"
    )
    assert not (tmp_path / "run").exists()

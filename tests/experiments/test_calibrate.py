"""Chips calibrate themselves: the command, what it keeps, and what it refuses."""

import json

import numpy as np
import pytest

import photonzero as pz
from photonzero.experiments.calibrate.calibrated_model import CalibratedModel
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.designs import get_design
from tests.experiments.command import command, refused


@pytest.fixture(scope="module")
def tiny():
    """A chip of two small layers, and its calibration."""
    chip = pz.fabricate("tonn-tiny", "published-detector", 100, threads=1)
    return chip, pz.calibrate(chip, seed=100)


def test_every_inference_is_counted(tiny):
    class Counting:
        def __init__(self, chip):
            self.chip, self.count, self.settings = chip, 0, 0

        def __getattr__(self, name):
            return getattr(self.chip, name)

        def measure_layer(self, layer, controls, vectors):
            self.count += len(controls) * len(vectors)
            self.settings += len(controls)
            return self.chip.measure_layer(layer, controls, vectors)

    counted = Counting(pz.fabricate("tonn-tiny", "published-detector", 100, threads=1))
    found = calibrate(counted, seed=100)
    assert (counted.count, counted.settings) == (found.inferences, found.settings)
    assert found.inferences == sum(own for own, _ in found.by_layer)
    # Equal seeds, equal bits.
    for own, other in zip(found.layers, tiny[1].layers, strict=True):
        np.testing.assert_array_equal(own.fit.errors.vector, other.fit.errors.vector)


def test_nothing_is_asked_but_readings_of_layers():
    class OnBench:
        """A chip that shows no more than a laboratory could."""

        def __init__(self, chip):
            asked = ("design", "control_groups", "n_controls", "layers", "largest_input")
            for name in asked:
                setattr(self, name, getattr(chip, name))
            self.measure_layer = chip.measure_layer

        def measure(self, controls, inputs):
            raise AssertionError("no whole pass is needed")

        def measure_layers(self, controls, inputs):
            raise AssertionError("no whole pass is needed")

    chip = OnBench(pz.fabricate("tonn-tiny", "published-detector", 101, threads=1))
    assert calibrate(chip, layers=[2]).fits


def test_a_model_comes_back_from_its_file(tiny, tmp_path):
    chip, found = tiny
    path = tmp_path / "model.npz"
    found.model.save(path)
    loaded = CalibratedModel.load(path)
    loaded.check_design(chip.design)
    phases = np.zeros((1, found.layers[0].wiring.n_phases))
    np.testing.assert_array_equal(
        loaded.layer(1).model.matrices(phases), found.layers[0].model.matrices(phases)
    )
    # The first layer has three inputs: light reaches all its cells but some.
    dark = loaded.layer(1).not_identified
    assert dark == found.model.layer(1).not_identified
    assert all(reason == "no light reaches its cell" for reason in dark.values())
    assert len(dark) == int((~found.layers[0].fit.lit).sum()) > 0


def test_files_and_designs_that_are_no_model_of_the_chip_are_refused(tiny, tmp_path):
    path = tmp_path / "other.npz"
    with pytest.raises(UsageError, match=r"other\.npz: not found"):
        CalibratedModel.load(path)
    np.savez(path, bias=np.zeros(3))
    with pytest.raises(UsageError, match=r"other\.npz: no calibrated model"):
        CalibratedModel.load(path)
    with pytest.raises(
        UsageError, match="calibrated model of tonn-tiny: allowed: that design, not tonn-wave"
    ):
        tiny[1].model.check_design(get_design("tonn-wave"))
    with pytest.raises(UsageError, match="layer: 3; allowed: 1, 2, which were identified"):
        tiny[1].model.layer(3)


def test_chips_that_cannot_be_asked_are_refused():
    class Closed:
        design, n_controls, control_groups = get_design("tonn-tiny"), 1, {}

        def measure(self, controls, inputs):
            raise AssertionError

    with pytest.raises(UsageError, match="chip Closed: no measure_layer; allowed: a chip with layer access"):
        calibrate(Closed())
    with pytest.raises(UsageError, match="chip object: no design"):
        calibrate(object())
    chip = pz.fabricate("tonn-tiny", threads=1)
    with pytest.raises(UsageError, match="layers: 1, 3; allowed: 1 to 2"):
        calibrate(chip, layers=[1, 3])


def test_the_command_writes_what_was_found(monkeypatch, capsys, tmp_path):
    out = tmp_path / "known"
    command(monkeypatch, "calibrate", "tonn-tiny", "--seed", "102", "--out", out, "--quiet", "--json")
    printed = json.loads(capsys.readouterr().out)
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert printed == result
    assert result["fits"]
    assert result["rel_error_unseen"] < 1e-3
    assert abs(result["chi2_per_dof"] - 1.0) < 0.3
    assert result["inferences"] == sum(layer["inferences"] for layer in result["layers"])
    assert result["settings"] > 200
    assert {path.name for path in (out / "figures").iterdir()} == {"layer1.png", "layer2.png"}
    assert CalibratedModel.load(out / "model.npz").design == get_design("tonn-tiny")


def test_what_was_found_is_kept_where_a_layer_cannot_be(monkeypatch, capsys, tmp_path):
    out = tmp_path / "part"
    message = refused(
        monkeypatch, capsys, "calibrate", "tonn-burgers", "--layer", "1", "--out", out, "--quiet"
    )
    assert "layer 1 of tonn-burgers: core 2: block 1: 2 x 2 of 8 x 8 seen" in message
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["refused"].keys() == {"1"}


def test_bad_input_is_one_line(monkeypatch, capsys):
    assert "chip" in refused(monkeypatch, capsys, "calibrate", "no-such-chip")
    assert "layers: 9; allowed: 1 to 2" in refused(
        monkeypatch, capsys, "calibrate", "tonn-tiny", "--layer", "9"
    )

"""The optimizer that reads the last layer alone keeps the contract of those that read all."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.training.access import restricted
from photonzero.training.errors import ArgumentError
from photonzero.training.layers.oracle import LastLayerReading
from photonzero.training.meter import metered
from photonzero.training.testing import LabChip, LastLayerLabChip, LayeredLabChip, ReadoutLabChip
from photonzero.training.testing.optimizers import watched
from tests.contracts import test_layered_optimizer as layered

NAME = "last-layer-gauss-newton"


def last_layer_run(chip=None, options=layered.SMALL, **limits):
    return layered.layered_run(chip or LastLayerLabChip(), options, name=NAME, **limits)


class FaultyLastLayerChip(LastLayerLabChip):
    """A reading of its last layer fails, in the second step."""

    def __init__(self, fault):
        super().__init__()
        self._fault, self._n_calls = fault, 0

    def measure_last_layer(self, controls, inputs):
        answer = super().measure_last_layer(controls, inputs)
        self._n_calls += 1
        if self._n_calls != 15:
            return answer
        if self._fault == "late":
            raise TimeoutError("late")
        return answer[:, :, 1:] if self._fault == "wrong shape" else np.full_like(answer, np.nan)


class TestLastLayerGaussNewton(layered.TestLayeredGaussNewton):
    method = NAME
    lab_chip = LastLayerLabChip

    def test_metering_is_what_it_asks_for(self):
        chip = LastLayerLabChip(noise=1e-3)
        run = self.make_run(chip, max_steps=3)
        asked = watched(run)
        run.train()
        readings = [reading for a in asked for reading in a.readings]
        assert all(isinstance(reading, LastLayerReading) for reading in readings)
        assert run.settings == sum(len(r.controls) for r in readings)
        assert run.inferences == sum(r.n_inferences for r in readings)
        assert run.layer_inferences == 0
        assert chip.presented == run.inferences + run.inferences_validation
        # On paper, for two views: a pool of 8 settings and two views weighed 4 times with 8 vectors, the
        # sizes of the first layer's 4 vectors, and then what layered Gauss-Newton asks for, the first layer
        # twice. Vectors grow from 1/32 to 1/4.
        views = [a for a in asked if a.purpose == "views"]
        assert sum(r.n_inferences for a in views for r in a.readings) == 8 * 8 + 2 * 4 * 8 + 4 * 2 * 4
        probes = [[r.n_inferences for r in a.readings] for a in asked if a.purpose == "probe"]
        for first, second in probes:
            # Two turns of eight mixers in front of some vectors.
            assert first % (2 * 2 * 8) == second % (2 * 8) == 0
        opened = 8 * 8 + 2 * 4 * 8 + 4 * 2 * 4 + 2 * 40 * 4 + 28 * 8
        assert run.inferences == opened + sum(map(sum, probes)) + 3 * 3 * (2 * 5 * 4 + 4 * 8)

    def faulty_chip(self, fault):
        return FaultyLastLayerChip(fault)


def test_it_finds_what_layers_read_by_themselves_would_tell():
    chip = LayeredLabChip()
    run = last_layer_run(restricted(chip, "last-layer"), max_steps=1)
    run.train()
    controls = run.optimizer.controls[None]
    for k, (matrix, layer) in enumerate(zip(run.optimizer.matrices, chip.layers, strict=True)):
        truth = chip.measure_layer(k, controls, np.eye(layer.n_in))[0].T
        np.testing.assert_allclose(matrix, truth, rtol=0, atol=1e-6)


class Uneven(LastLayerLabChip):
    """Detectors of its first layer err twice as much as those of the second."""

    def _readings(self, layer, controls, inputs):
        before = self._noise
        self._noise = before * (2.0 if layer == 0 else 1.0)
        readings = super()._readings(layer, controls, inputs)
        self._noise = before
        return readings


def test_the_noise_of_every_layer_is_told_from_the_last():
    run = last_layer_run(Uneven(noise=1e-3), layered.SMALL | {"final_repeats": 256}, max_steps=1)
    run.train()
    # Mean squares of 5,000 errors of the first layer are known to 2 %. A quarter of what the last layer reads
    # is its own noise: known to 8 %, its root to 4 %.
    np.testing.assert_allclose(np.sqrt(run.optimizer.state()["detectors"]), [2e-3, 1e-3], rtol=0.15)
    quiet = last_layer_run(max_steps=1)
    quiet.train()
    assert not quiet.optimizer.state()["detectors"].any()


def test_views_are_read_again_for_chips_that_drift():
    costs = []
    for rereads in (False, True):
        run = last_layer_run(LastLayerLabChip(noise=1e-3), layered.SMALL | {"rereads": rereads}, max_steps=1)
        asked = watched(run)
        run.train()
        before = run.optimizer.state()["view1"]
        costs.append([r.n_inferences for a in asked if a.purpose == "trial" for r in a.readings])
        run.limits = replace(run.limits, max_steps=2)
        run.train()
        assert np.array_equal(before, run.optimizer.state()["view1"]) != rereads
    # A fourth setting, and two views of the second layer weighed four times with eight vectors.
    assert costs == [[2 * 3 * 20, 3 * 32], [2 * 4 * 20, 4 * 32, 2 * 4 * 8]]


@pytest.mark.parametrize("chip", [LabChip(), ReadoutLabChip(), restricted(LayeredLabChip(), "outputs")])
def test_a_chip_that_does_not_show_its_last_layer_is_refused_in_one_line(chip):
    with pytest.raises(ArgumentError, match="no last layer to read; allowed: one chip that offers measure_l"):
        last_layer_run(chip)


def test_a_chip_that_shows_its_last_layer_alone_is_not_read_layer_by_layer():
    for name in ("layered-gauss-newton", "layered-adam"):
        with pytest.raises(ArgumentError, match="no layers to read; allowed: one chip that offers measure_l"):
            layered.layered_run(LastLayerLabChip(), {}, name=name)


def test_an_activation_that_hides_what_it_met_is_refused_in_one_line():
    chip = LastLayerLabChip()
    chip.layers = (replace(chip.layers[0], activation="relu"), chip.layers[1])
    with pytest.raises(ArgumentError, match=r"'relu' before the last layer.* allowed: identity, sin, tanh"):
        last_layer_run(chip)


def test_bad_questions_to_the_last_layer_are_named():
    meter = metered(LastLayerLabChip())
    settings = np.zeros((1, meter.n_controls))
    with pytest.raises(ArgumentError, match=r"inputs: 1\.5; allowed: magnitudes up to 1"):
        meter.measure_last_layer(settings, np.full((1, 3), 1.5))
    assert meter.inferences == 0
    assert meter.measure_last_layer(settings, np.zeros((4, 3))).shape == (1, 4, 8)
    assert (meter.inferences, meter.settings) == (4, 1)

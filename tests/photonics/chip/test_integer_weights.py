"""Integer weights: what is realised is a whole code, and training can stay on codes alone."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.training.classification import ClassificationObjective, Dataset
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.trainer import Limits, TrainingRun

LAYER = TTLayer((2, 2), (2, 3), (1, 2, 1), "identity", Numbers(bits=4, range=3.5), initial_bias_std=0.0)
DESIGN = NetworkDesign("small", "6-4, integers of 4 bits", (LAYER,), n_out=4, readout=False)
INPUTS = np.random.default_rng(0).random((30, 6))


def test_settings_are_realised_as_whole_codes_and_saturate():
    chip = fabricate(DESIGN, preset("ideal"), 0, dtype=np.float64)
    real = replace(LAYER, core=Numbers())
    twin = fabricate(replace(DESIGN, layers=(real,)), preset("ideal"), 0, dtype=np.float64)
    controls = 4 * chip.initial_controls(np.random.default_rng(1)) + 0.1
    codes = np.empty_like(controls)
    for group in chip.control_groups.values():
        assert group.grid_step == pytest.approx(group.scale / 2)
        part = group.slice
        codes[part] = group.grid_step * np.clip(np.round(controls[part] / group.grid_step), -7, 7)
    assert (codes != controls).all()
    assert np.abs(controls).max() > np.abs(codes).max()
    settings = np.stack([controls, codes])
    answers = chip.measure(settings, INPUTS)
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[1], twin.measure(codes[None], INPUTS)[0])


def test_training_can_stay_on_whole_codes():
    labels = np.arange(30) % 4
    inputs = np.random.default_rng(1).random((4, 6))[labels] + 0.05 * np.random.default_rng(2).random((30, 6))
    part = (inputs, labels)
    data = Dataset("blobs", 4, part, part, part)
    chip = fabricate(DESIGN, preset("ideal"), 0)
    method = get_method("rge-adam")
    start = chip.initial_controls(np.random.default_rng(3))
    options = method.options(learning_rate=0.05, whole_codes=True)
    optimizer = method.make(start_on(chip, start), options, np.random.default_rng(0))
    run = TrainingRun(chip, ClassificationObjective(data, 30, 0), optimizer, Limits(max_steps=150))

    def is_on_grid():
        steps = np.concatenate([np.full(g.stop - g.start, g.grid_step) for g in chip.control_groups.values()])
        codes = optimizer.controls / steps
        return np.allclose(codes, np.round(codes), atol=1e-9)

    assert is_on_grid()
    run.train()
    assert is_on_grid()
    # A rate of a tenth of a code: rounding to the nearest would never move.
    assert (optimizer.controls != start).any()
    assert run.history[-1][2] < 0.8 * run.history[0][2]


def test_the_int8_network_is_the_published_one_on_codes():
    design = get_design("int8-mnist")
    chip = fabricate(design, preset("ideal"), 0)
    assert chip.n_controls == fabricate(get_design("tt-mnist"), preset("ideal"), 0).n_controls
    assert all(layer.core.largest_code == 127 for layer in design.layers)
    assert all(
        group.grid_step == pytest.approx(6 * group.scale / 127) for group in chip.control_groups.values()
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Numbers(bits=1), "bits 1; allowed: 2 to 16"),
        (lambda: Numbers(range=0.0), "range 0.0; allowed: > 0"),
        (lambda: Meshes(size=1), "size 1; allowed: >= 2"),
        (lambda: Meshes(s_max=0.0), "s_max 0.0; allowed: > 0"),
        (lambda: Meshes(topology="hexagonal"), "topology: 'hexagonal'; allowed: butterfly"),
        (lambda: Meshes(size=6, topology="butterfly"), "n_modes: 6; allowed: a power of two"),
        (lambda: replace(LAYER, core="meshes"), "core 'meshes'; allowed: a kind of core"),
        (lambda: replace(LAYER, initial_bias_std=-1.0), "initial_bias_std -1.0; allowed: 0 to 1e6"),
    ],
)
def test_bad_layers_are_named(make, message):
    with pytest.raises(PhotonicsError, match=message):
        make()

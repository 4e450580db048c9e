"""Networks brought onto chips: exact on ideal ones, compensated up to the grid on known ones."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.quantizer import PhaseQuantizer
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.networks.load import (
    compensate,
    core_fidelity,
    load_network,
    unfolded_cores,
)
from photonzero.photonics.networks.twins import digital_twin

LAYERS = (
    TTLayer((2, 3), (4, 2), (1, 2, 1), "sin", Numbers(), trainable_gain=True),
    dense_layer(5, 6, "tanh", Numbers()),
)
NETWORK = NetworkDesign("digital", "", LAYERS, n_out=2)


def teacher(scale=1.0):
    chip = fabricate(NETWORK, NoiseModel(), 0, dtype=np.float64)
    controls = chip.initial_controls(np.random.default_rng(1))
    for name, group in chip.control_groups.items():
        if "core" in name:
            controls[group.slice] *= scale
    return chip, controls


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize(
    "cores",
    [
        None,
        (Meshes(2), Meshes(2)),
        (Meshes(4), Meshes(3)),
        (Meshes(4, "triangular"), Meshes(5, "symmetric")),
        (Numbers(), Meshes(3)),
    ],
)
def test_an_ideal_chip_becomes_the_network_itself(scale, cores):
    # Large cores do not fit the default singular values: the design grows with them.
    digital, controls = teacher(scale)
    design, loaded = load_network(NETWORK, controls, cores)
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    x = np.random.default_rng(2).normal(size=(20, 8)) / scale
    np.testing.assert_allclose(
        chip.measure(loaded[None], x), digital.measure(controls[None], x), rtol=1e-11, atol=1e-11
    )


def test_a_core_of_zeros_is_loaded():
    digital, controls = teacher()
    controls[digital.control_groups["layer1/core1"].slice] = 0.0
    design, loaded = load_network(NETWORK, controls)
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    x = np.ones((1, 8))
    np.testing.assert_allclose(chip.measure(loaded[None], x), digital.measure(controls[None], x), atol=1e-12)


def test_phases_are_loaded_as_they_are():
    design, loaded = load_network(NETWORK, teacher()[1])
    again, same = load_network(design, loaded)
    assert again is design
    assert same is loaded
    twin, digital = digital_twin(design), digital_twin(NETWORK)
    assert [layer.core for layer in twin.layers] == [Numbers(), Numbers()]
    assert twin.layers[0].core_shapes == digital.layers[0].core_shapes


def errors_on(noise, seed=5):
    design, loaded = load_network(NETWORK, teacher()[1])
    wanted = unfolded_cores(design, loaded)
    chip = fabricate(design, noise, seed, dtype=np.float64)
    settings = loaded, compensate(chip, loaded)
    return [1.0 - core_fidelity(chip, controls, wanted) for controls in settings]


def test_known_phase_errors_are_compensated_to_rounding():
    static = replace(preset("published"), phase_quantizer=None)
    loaded, compensated = errors_on(static)
    assert loaded > 0.1
    assert compensated < 1e-3  # what is beyond a shifter's reach, a turn, stays: here next to nothing


def test_the_grid_of_the_dac_is_what_compensation_leaves():
    eight, six = (
        errors_on(replace(preset("published"), phase_quantizer=PhaseQuantizer(bits=bits))) for bits in (8, 6)
    )
    assert eight[1] < 0.01 < eight[0]
    # Squares of steps four times as large.
    assert 4 < six[1] / eight[1] < 64


def test_couplers_leave_only_what_no_phase_undoes():
    loaded, compensated = errors_on(NoiseModel(coupler_imbalance=CouplerImbalance(angle_std_rad=0.1)))
    assert compensated < loaded
    assert compensated > 1e-4


def test_loss_alone_leaves_the_ratio_of_its_paths():
    loaded, compensated = errors_on(NoiseModel(insertion_loss=InsertionLoss(cell_db=0.2)))
    assert compensated == pytest.approx(loaded, rel=1e-6)
    assert 0 < loaded < 0.01


def test_looking_at_cores_moves_no_noise_on():
    noise = replace(preset("harsh"), programming_std_rad=0.1)
    design, loaded = load_network(NETWORK, teacher()[1])
    looked, plain = (fabricate(design, noise, 1) for _ in range(2))
    looked.circuit.cores(loaded[None], np.random.default_rng(0))
    x = np.ones((3, 8))
    np.testing.assert_array_equal(looked.measure(loaded[None], x), plain.measure(loaded[None], x))


def test_cores_are_what_is_measured():
    # One layer, no readout: its outputs at unit vectors are the core's columns.
    design = NetworkDesign("one", "", (dense_layer(4, 4, "identity", Meshes(4)),), n_out=4, readout=False)
    noise = replace(preset("published"), coupler_imbalance=CouplerImbalance(angle_std_rad=0.1))
    chip = fabricate(design, noise, 2, dtype=np.float64)
    controls = chip.initial_controls(np.random.default_rng(3))
    controls[chip.control_groups["layer1/bias"].slice] = 0.0
    core = chip.circuit.cores(controls[None], np.random.default_rng(0))[0][0][0]
    assert np.iscomplexobj(core)
    np.testing.assert_allclose(chip.measure(controls[None], np.eye(4))[0].T, core.real, atol=1e-14)
    with pytest.raises(PhotonicsError, match=r"controls: shape \(3,\)"):
        chip.circuit.cores(np.zeros(3), np.random.default_rng(0))


def test_a_chip_without_optics_has_no_fidelity():
    chip, controls = teacher()
    with pytest.raises(PhotonicsError, match="no optical core"):
        core_fidelity(chip, controls, unfolded_cores(NETWORK, controls))

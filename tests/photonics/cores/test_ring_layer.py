"""Layers of microrings on a chip: against the bank itself, saturating drives, training."""

import numpy as np
import pytest

from photonzero.devices.microring import Microring
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Rings
from photonzero.photonics.cores.microring_bank import MicroringBank
from photonzero.photonics.cores.rings import FULL_DRIVE_RAD
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.networks.load import compensate, load_network, unfolded_cores

M, N = 3, 5


def ring_design(**options):
    layer = dense_layer(M, N, "identity", Rings(**options))
    return NetworkDesign("rings", "", (layer,), n_out=M, readout=False)


def chip_and_controls(noise=None, seed=1):
    chip = fabricate(ring_design(s_max=2.0), noise or NoiseModel(), seed, dtype=np.float64)
    controls = chip.initial_controls(np.random.default_rng(0))
    controls[chip.control_groups["layer1/bias"].slice] = 0.0
    return chip, controls


def test_a_row_is_a_weight_bank():
    chip, controls = chip_and_controls()
    drives = controls[chip.control_groups["layer1/core0/rings"].slice].reshape(M, N)
    bank = MicroringBank(tuple(1550.0 + 0.8 * np.arange(N)))
    x = np.random.default_rng(1).random((20, N))
    expected = [2.0 * bank.multiply(x, row / FULL_DRIVE_RAD * bank.max_detuning_nm) for row in drives]
    np.testing.assert_allclose(chip.measure(controls[None], x)[0], np.stack(expected, axis=1), atol=1e-12)


def test_drives_saturate_where_phases_would_turn():
    chip, controls = chip_and_controls()
    rings = chip.control_groups["layer1/core0/rings"].slice
    below, none, full, above = (np.copy(controls) for _ in range(4))
    below[rings], none[rings], full[rings], above[rings] = -0.1, 0.0, FULL_DRIVE_RAD, FULL_DRIVE_RAD + 0.1
    answers = chip.measure(np.stack([below, none, full, above]), np.eye(N))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[2], answers[3])
    # On the channel all light is dropped; at full drive next to none.
    assert np.diag(answers[1][:M]).min() > 1.9
    assert np.diag(answers[2][:M]).max() < -1.8


def test_initial_drives_make_the_gaussian_they_drew_up_to_crosstalk():
    layer = dense_layer(64, 4, "identity", Rings())
    chip = fabricate(NetworkDesign("r", "", (layer,)), NoiseModel(), 0, dtype=np.float64)
    drawn = layer.initial_std * np.random.default_rng(5).standard_normal((64, 4))
    made = unfolded_cores(chip.design, chip.initial_controls(np.random.default_rng(5)))[0][0]
    low, high = layer.core.bank(4).weight_range
    inside = (drawn > low * layer.largest_singular_value) & (drawn < high * layer.largest_singular_value)
    assert inside.mean() > 0.98
    assert np.abs(made - drawn)[inside].max() < 0.1 * layer.largest_singular_value


def test_known_errors_of_the_heaters_are_programmed_away():
    noise = NoiseModel(phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.002, bias_max_rad=0.5))
    chip, controls = chip_and_controls(noise)
    rings = chip.control_groups["layer1/core0/rings"].slice
    controls[rings] = np.linspace(1.5, 4.5, M * N)
    x = np.eye(N)
    ideal, _ = chip_and_controls()
    loaded, compensated = (
        np.abs(chip.measure(c[None], x) - ideal.measure(controls[None], x)).max()
        for c in (controls, compensate(chip, controls))
    )
    assert loaded > 0.1
    assert compensated < 1e-9


def test_a_ring_network_is_loaded_onto_meshes():
    chip, controls = chip_and_controls()
    design, loaded = load_network(chip.design, controls)
    assert isinstance(design.layers[0].core, Meshes)
    meshes = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    x = np.random.default_rng(3).normal(size=(10, N))
    np.testing.assert_allclose(meshes.measure(loaded[None], x), chip.measure(controls[None], x), atol=1e-12)


def test_every_error_of_a_heater_reaches_the_rings():
    chip, controls = chip_and_controls(preset("published"))
    ideal, _ = chip_and_controls()
    assert (
        np.abs(chip.measure(controls[None], np.eye(N)) - ideal.measure(controls[None], np.eye(N))).max()
        > 0.01
    )
    group = chip.control_groups["layer1/core0/rings"]
    assert (group.kind, group.grid_step) == ("phase", 2 * np.pi / 255)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TTLayer((2, 2), (2, 2), (1, 2, 1), core=Rings()), "2 cores of rings; allowed: 1"),
        (lambda: Rings(spacing_nm=0.0), "spacing_nm 0.0"),
        (lambda: Rings(max_detuning_nm=0.9), "max_detuning_nm: 0.9"),
        (lambda: Rings(ring=Microring(), max_detuning_nm=-1.0), "max_detuning_nm: -1.0"),
    ],
)
def test_bad_rings_are_named(make, message):
    with pytest.raises(PhotonicsError, match=message):
        make()

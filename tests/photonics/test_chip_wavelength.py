"""Wavelength drift, measured crosstalk and losses of single parts on a whole chip."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.crosstalk import MeasuredCrosstalk, ThermalCrosstalk
from photonzero.devices.errors import DeviceError
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.timing import Timing
from photonzero.devices.wavelength import WavelengthDrift
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Rings
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError

POINTS = np.random.default_rng(8).uniform(-1, 1, (6, 8))


def tensor_train(topology="rectangular"):
    layer = TTLayer((2, 2, 2), (2, 2, 2), (1, 2, 2, 1), "sin", Meshes(4, topology=topology))
    return NetworkDesign("tt", "", (layer, layer))


def fabricated(noise, design=None, seed=3):
    chip = fabricate(design or tensor_train(), noise, seed, dtype=np.float64)
    return chip, np.random.default_rng(0).uniform(0.1, 6.0, (2, chip.n_controls))


def phases_of(chip):
    mask = np.zeros(chip.n_controls, bool)
    for group in chip.control_groups.values():
        mask[group.slice] = group.kind == "phase"
    return mask


@pytest.mark.parametrize("topology", ["rectangular", "butterfly"])
def test_an_offset_moves_couplers_and_phases(topology):
    design = tensor_train(topology)
    errors = CouplerImbalance(angle_std_rad=0.02)
    laser = WavelengthDrift(offset_nm=3.0)
    chip, controls = fabricated(NoiseModel(coupler_imbalance=errors, wavelength_drift=laser), design)
    moved = replace(errors, angle_mean_rad=3.0 * laser.coupler_rad_per_nm)
    twin, _ = fabricated(NoiseModel(coupler_imbalance=moved), design)
    scaled = np.where(phases_of(chip), (1 - 1.7 * 3.0 / 1550.0) * controls, controls)
    np.testing.assert_allclose(
        chip.measure(controls, POINTS), twin.measure(scaled, POINTS), rtol=0, atol=1e-12
    )


def test_no_offset_is_no_offset():
    chip, controls = fabricated(NoiseModel(wavelength_drift=WavelengthDrift()))
    ideal, _ = fabricated(NoiseModel())
    np.testing.assert_allclose(
        chip.measure(controls, POINTS), ideal.measure(controls, POINTS), rtol=0, atol=1e-13
    )


def test_attenuators_without_errors_do_not_follow():
    noise = NoiseModel(
        wavelength_drift=WavelengthDrift(offset_nm=5.0, coupler_rad_per_nm=0.0), ideal_singular_values=True
    )
    chip, controls = fabricated(noise)
    twin, _ = fabricated(NoiseModel())
    follows = phases_of(chip)
    for name, group in chip.control_groups.items():
        if name.endswith("/s"):
            follows[group.slice] = False
    scaled = np.where(follows, (1 - 1.7 * 5.0 / 1550.0) * controls, controls)
    np.testing.assert_allclose(
        chip.measure(controls, POINTS), twin.measure(scaled, POINTS), rtol=0, atol=1e-12
    )


def test_light_moves_away_from_rings():
    rings = Rings()
    design = NetworkDesign("rings", "", (dense_layer(3, 4, "identity", rings),), n_out=3, readout=False)
    chip, controls = fabricated(NoiseModel(wavelength_drift=WavelengthDrift(offset_nm=0.02)), design)
    controls[:, chip.control_groups["layer1/bias"].slice] = 0.0
    light = np.random.default_rng(1).uniform(0, 1, (5, 4))
    layer = design.layers[0]
    drives = controls[0, :12].reshape(3, 4)
    detuning = drives / (2 * np.pi) * rings.max_detuning_nm
    weights = rings.bank(4).weights(detuning, 0.02)
    gain = layer.gain * rings.limit(layer.initial_std)
    np.testing.assert_allclose(chip.measure(controls, light)[0], gain * light @ weights.T, atol=1e-12)
    assert np.abs(weights - rings.bank(4).weights(detuning)).max() > 0.01


def test_the_wavelength_goes_on_where_a_run_was_interrupted():
    laser = WavelengthDrift(std_nm=1.0, correlation_time_s=1e-6)
    noise = replace(preset("published"), wavelength_drift=laser, timing=Timing(1e-7, 1e-8))
    chip, controls = fabricated(noise)
    first, second = chip.measure(controls, POINTS), chip.measure(controls, POINTS)
    assert np.abs(first - second).max() > 1e-4
    state = chip.state()
    third = chip.measure(controls, POINTS)
    again, _ = fabricated(noise)
    again.restore(state)
    np.testing.assert_array_equal(again.measure(controls, POINTS), third)
    with pytest.raises(PhotonicsError, match="chip state: none offset of the wavelength"):
        again.restore({"n_measurements": 2})
    with pytest.raises(PhotonicsError, match="chip state: one offset of the wavelength"):
        fabricated(preset("published"))[0].restore(state)


def test_offsets_of_measurements_are_an_ornstein_uhlenbeck_process():
    laser = WavelengthDrift(std_nm=0.5, correlation_time_s=1.0)
    timing = Timing(programming_s=0.25, inference_s=0.0)
    chip, controls = fabricated(NoiseModel(wavelength_drift=laser, timing=timing))
    offsets = []
    for _ in range(3000):
        # Two settings: half a second a measurement.
        chip.circuit.program(controls, 1, np.random.default_rng(len(offsets)))
        offsets.append(chip.circuit.offset_nm)
    drawn = np.array(offsets)
    covariance = np.mean(drawn[1:] * drawn[:-1])
    # 1,500 correlation times, of which every one counts for a half.
    assert covariance == pytest.approx(0.25 * np.exp(-0.5), abs=4 * 0.25 * np.sqrt(2 / 1500))


def test_a_measured_matrix_of_the_rule_is_the_rule(tmp_path):
    rule = replace(preset("published"), phase_quantizer=None)
    by_rule, controls = fabricated(rule)
    n = by_rule.circuit._actuator.n_erring
    position = by_rule.circuit.layout.mesh_position
    span = int(position[:, 1].max()) + 3
    pairs = ThermalCrosstalk.neighbours(position[:, 0] * span + position[:, 1], position[:, 2])
    matrix = np.eye(n)
    matrix[pairs] = 0.005
    np.savez(tmp_path / "foundry.npz", crosstalk=matrix)
    measured = replace(
        rule,
        thermal_crosstalk=ThermalCrosstalk(),
        measured_crosstalk=MeasuredCrosstalk(str(tmp_path / "foundry.npz")),
    )
    chip, _ = fabricated(measured)
    np.testing.assert_allclose(
        chip.measure(controls, POINTS), by_rule.measure(controls, POINTS), rtol=0, atol=1e-12
    )
    state = chip.state()
    chip.restore(state)
    np.savez(tmp_path / "foundry.npz", crosstalk=np.eye(n))
    with pytest.raises(PhotonicsError, match=r"foundry.npz: not the file that the run began with"):
        chip.restore(state)
    np.savez(tmp_path / "foundry.npz", crosstalk=np.eye(n - 1))
    with pytest.raises(DeviceError, match=rf"allowed: \({n}, {n}\), a row and a column"):
        fabricated(measured)


def test_losses_of_cells_differ_and_known_ones_are_compensated():
    loss = InsertionLoss(cell_db=0.4, cell_std_db=0.2, phase_shifter_db=0.1, phase_shifter_std_db=0.05)
    chip, controls = fabricated(NoiseModel(insertion_loss=loss))
    uniform, _ = fabricated(NoiseModel(insertion_loss=InsertionLoss(cell_db=0.4, phase_shifter_db=0.1)))
    one, other = chip.circuit, uniform.circuit
    amplitude = np.linalg.norm(one._cells[one.layout.phase][:, [0, 1]], axis=1)
    lost_db = -20 * np.log10(amplitude)
    n = lost_db.size
    assert lost_db.min() >= 0
    assert lost_db.mean() == pytest.approx(0.5, abs=4 * 0.21 / np.sqrt(n))
    assert lost_db.std() == pytest.approx(np.hypot(0.2, 0.05), rel=0.4)
    assert np.ptp(np.linalg.norm(other._cells[other.layout.phase][:, [0, 1]], axis=1)) < 1e-12
    assert np.abs(chip.measure(controls, POINTS) - uniform.measure(controls, POINTS)).max() > 1e-3


def test_new_parts_leave_the_errors_of_the_others_alone():
    noise = NoiseModel(
        phase_shifter=PhaseShifter(bias_max_rad=0.5), coupler_imbalance=CouplerImbalance(angle_std_rad=0.01)
    )
    chip, controls = fabricated(noise)
    loss = InsertionLoss(cell_db=1e-12, cell_std_db=1e-9)
    laser = WavelengthDrift(std_nm=1e-12)
    more, _ = fabricated(replace(noise, insertion_loss=loss, wavelength_drift=laser))
    np.testing.assert_allclose(
        chip.measure(controls, POINTS), more.measure(controls, POINTS), rtol=0, atol=1e-7
    )

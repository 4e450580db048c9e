"""Couplers, loss, stuck and drifting shifters, jitter, light and converters on a whole chip."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.converter import Adc, InputDac
from photonzero.devices.coupler import CouplerImbalance, coupler_transfer
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.errors import DeviceError
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.laser import Laser
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.optical_readout import OpticalReadout
from photonzero.devices.photodetector import Photodetector
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.devices.timing import Timing
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes
from photonzero.photonics.cores.meshes import build_imperfect_blocks
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.orthogonal import build_imperfect, build_orthogonal, rotation_cells
from photonzero.photonics.mesh.topologies import rectangular
from photonzero.training.oracle import Stencil


def one_block(k=4, n_layers=1):
    layer = dense_layer(k, k, "identity", Meshes(k, s_max=1.0))
    return NetworkDesign("one", "", (layer,) * n_layers, n_out=k, readout=False)


def tensor_train():
    layer = TTLayer((2, 2, 2), (2, 2, 2), (1, 2, 2, 1), "sin", Meshes(4))
    return NetworkDesign("tt", "", (layer, layer))


def chip_and_controls(design, noise, seed=3, **options):
    chip = fabricate(design, noise, seed, dtype=np.float64, **options)
    rng = np.random.default_rng(0)
    controls = rng.uniform(0, 2 * np.pi, chip.n_controls)
    for name, group in chip.control_groups.items():
        if name.endswith("bias"):
            controls[group.slice] = 0.0
    return chip, controls


def test_a_rotation_cell_is_the_product_of_its_couplers_and_arms():
    rng = np.random.default_rng(1)
    theta, e1, e2 = rng.normal(size=(3, 20))
    arms = np.zeros((20, 2, 2), complex)
    arms[:, 0, 0], arms[:, 1, 1] = np.exp(1j * theta), -np.exp(-1j * theta)
    expected = np.diag([1, -1]) @ coupler_transfer(e2) @ arms @ coupler_transfer(e1)
    cells = rotation_cells(e1, e2, 0.5)
    built = build_imperfect(rectangular(2), theta[None, :, None], cells[:, None])[0]
    np.testing.assert_allclose(built, 0.5 * expected, atol=1e-15)


def test_an_imperfect_mesh_is_its_cells_one_after_the_other():
    n = 5
    topology = rectangular(n)
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(3, 2, topology.n_mzi))
    cells = rotation_cells(*rng.normal(scale=0.1, size=(2, 2, topology.n_mzi)), 0.9)
    built = build_imperfect(topology, theta, cells)
    for p in range(3):
        for b in range(2):
            u = np.eye(n, dtype=complex)
            for k, row in enumerate(topology.row):
                cell = np.eye(n, dtype=complex)
                cell[row : row + 2, row : row + 2] = build_imperfect(
                    rectangular(2), theta[p : p + 1, b : b + 1, k : k + 1], cells[b : b + 1, k : k + 1]
                )[0, 0]
                u = cell @ u
            np.testing.assert_allclose(built[p, b], u, atol=1e-14)
    ideal = rotation_cells(*np.zeros((2, 2, topology.n_mzi)), 1.0)
    np.testing.assert_allclose(
        build_imperfect(topology, theta, ideal)[1, 1],
        build_orthogonal(topology, theta[1, 1][None])[0],
        atol=1e-15,
    )


def test_couplers_alone_keep_a_mesh_unitary():
    rng = np.random.default_rng(3)
    cells = rotation_cells(*rng.normal(scale=0.2, size=(2, 1, 28)), 1.0)
    u = build_imperfect(rectangular(8), rng.normal(size=(1, 1, 28)), cells)[0, 0]
    np.testing.assert_allclose(u @ u.conj().T, np.eye(8), atol=1e-14)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 4)), ((1, 2, 4), (2, 4)), ((1, 2, 6), (2, 6, 3))])
def test_meshes_and_cells_of_other_shapes_are_refused(shapes):
    theta, cells = (np.zeros(shape) for shape in shapes)
    with pytest.raises(PhotonicsError, match="theta_rad"):
        build_imperfect(rectangular(3), theta, cells)


def test_complex_cores_are_contracted_as_complex_numbers():
    """The doubled real ranks of the kernel against einsum over complex cores."""
    noise = NoiseModel(coupler_imbalance=CouplerImbalance(angle_std_rad=0.2))
    design = tensor_train()
    chip, controls = chip_and_controls(design, noise)
    x = np.random.default_rng(4).normal(size=(50, 8))
    couplers = np.random.default_rng(np.random.SeedSequence(3).spawn(4)[2])
    n_phases = sum(g.stop - g.start for g in chip.control_groups.values() if g.kind == "phase")
    errors = couplers.normal(0.0, 0.2, (2, n_phases))
    fields, place = x, 0
    for number, layer in enumerate(design.layers, start=1):
        cores = []
        for c, shape in enumerate(layer.core_shapes):
            phases, cells = [], []
            for part, size in (("U", 6), ("s", 4), ("V", 6)):
                group = chip.control_groups[f"layer{number}/core{c}/{part}"]
                phases.append(controls[group.slice].reshape(1, -1, size))
                n = group.stop - group.start
                mine = errors[:, place : place + n].reshape(2, -1, size)
                cells.append(rotation_cells(*mine, 1.0))
                place += n
            block = build_imperfect_blocks(rectangular(4), phases, layer.largest_singular_value, cells)
            assert block.shape == (1, 1, 4, 4)
            cores.append(block[0, 0][: shape[0], : shape[1]])
        a, b, c = (
            core.reshape(r, 2, 2, s) for core, r, s in zip(cores, layer.ranks, layer.ranks[1:], strict=False)
        )
        w = np.einsum("aixb,bjyc,ckzd->ijkxyz", a, b, c).reshape(8, 8)
        fields = np.sin((fields @ w.T).real)
    np.testing.assert_allclose(chip.measure_features(controls[None], x)[0], fields, atol=1e-13)


def test_loss_of_two_modes_is_made_up_for_exactly():
    # Both modes of a 2 x 2 block meet three cells, the nominal path.
    ideal, controls = chip_and_controls(one_block(2), NoiseModel())
    lossy, _ = chip_and_controls(one_block(2), NoiseModel(insertion_loss=InsertionLoss(1.0, 0.5)))
    np.testing.assert_allclose(
        lossy.measure(controls[None], np.eye(2)), ideal.measure(controls[None], np.eye(2)), atol=1e-14
    )


def test_loss_of_a_large_block_leaves_its_edge_too_bright():
    # Angles of 0 send mode i straight through; the outer modes meet half as many cells.
    chip, controls = chip_and_controls(one_block(4), NoiseModel(insertion_loss=InsertionLoss(1.0)))
    out = chip.measure(0 * controls[None], np.eye(4))[0]
    cell = 10 ** (-1 / 20)
    np.testing.assert_allclose(np.diag(out), [cell**-4, 1.0, 1.0, cell**-4], rtol=1e-12)


def test_a_chip_of_stuck_shifters_does_not_answer():
    noise = NoiseModel(stuck_shifters=StuckShifters(probability=1.0, value_rad=0.3))
    chip, controls = chip_and_controls(one_block(), noise)
    ideal, _ = chip_and_controls(one_block(), NoiseModel())
    x = np.eye(4)
    held = np.full_like(controls, 0.3)
    held[chip.control_groups["layer1/bias"].slice] = 0.0
    answers = chip.measure(np.stack([controls, 2.0 * controls]), x)
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_allclose(answers[0], ideal.measure(held[None], x)[0], atol=1e-15)


def test_jitter_shrinks_the_mean_field_by_its_coherence():
    std = 0.3
    noise = NoiseModel(phase_jitter=PhaseJitter(std_rad=std))
    chip, controls = chip_and_controls(one_block(2), noise)
    ideal, _ = chip_and_controls(one_block(2), NoiseModel())
    x = np.array([[1.0, 0.5]])
    n = 20_000
    answers = chip.measure(controls[None], np.repeat(x, n, axis=0))[0]
    # Every path meets three independent phases: mesh, attenuator, mesh.
    expected = np.exp(-1.5 * std**2) * ideal.measure(controls[None], x)[0, 0]
    deviation = answers.std(axis=0) / np.sqrt(n)
    assert np.all(np.abs(answers.mean(axis=0) - expected) < 4 * deviation)
    assert np.all(np.abs(expected / np.exp(-1.5 * std**2) - expected) > 8 * deviation)


def test_jitter_is_held_for_as_many_inferences_as_asked():
    noise = NoiseModel(phase_jitter=PhaseJitter(std_rad=0.3, hold_inferences=5))
    chip, controls = chip_and_controls(one_block(), noise)
    answers = chip.measure(controls[None], np.ones((1000, 4)))[0].reshape(200, 5, 4)
    np.testing.assert_array_equal(answers, np.repeat(answers[:, :1], 5, axis=1))
    assert np.unique(answers[:, 0], axis=0).shape[0] == 200


def test_jitter_meets_a_stencil_as_its_points():
    noise = NoiseModel(phase_jitter=PhaseJitter(std_rad=0.3))
    chip, controls = chip_and_controls(one_block(), noise)
    rng = np.random.default_rng(5)
    centers, offsets = rng.normal(size=(6, 4)), rng.normal(size=(3, 4))
    by_stencil = chip.measure(controls[None], Stencil(centers, offsets))
    chip.restore({"n_measurements": 0})
    points = (centers[:, None] + offsets).reshape(-1, 4)
    np.testing.assert_array_equal(by_stencil, chip.measure(controls[None], points))


def test_drift_has_the_variance_and_memory_of_its_model():
    drift = PhaseDrift(std_rad=0.01, correlation_time_s=10.0)
    noise = NoiseModel(phase_drift=drift, timing=Timing(programming_s=1.0, inference_s=0.5))
    # A 2 x 2 block whose attenuators stand at a right angle: s = cos(pi/2 + drift), others at 0.
    chip, controls = chip_and_controls(one_block(2), noise)
    controls[:] = 0.0
    controls[chip.control_groups["layer1/core0/s"].slice] = np.pi / 2
    settings = np.repeat(controls[None], 4000, axis=0)
    # Each setting takes 1 s and 2 inferences of 0.5 s.
    drifted = chip.measure(settings, np.eye(2))
    series = -np.stack([drifted[:, 0, 0], drifted[:, 1, 1]], axis=1)
    lag = 3
    variance, product = (series**2).mean(), (series[lag:] * series[:-lag]).mean()
    # 2 series of 4,000 readings 2 s apart with a memory of 10 s hold about 800 independent squares.
    n = 2 * 4000 * 2.0 / 10.0
    assert variance == pytest.approx(drift.std_rad**2, abs=4 * drift.std_rad**2 * np.sqrt(2 / n))
    expected = drift.autocovariance_rad2(lag * 2.0)
    assert product == pytest.approx(float(expected), abs=4 * drift.std_rad**2 * np.sqrt(2 / n))


def test_drift_goes_on_after_a_restart_and_between_measurements():
    noise = NoiseModel(phase_drift=PhaseDrift(std_rad=0.1, correlation_time_s=1e-3))
    chip, controls = chip_and_controls(one_block(), noise)
    first = chip.measure(controls[None], np.eye(4))
    state = chip.state()
    second = chip.measure(controls[None], np.eye(4))
    assert np.abs(first - second).max() > 0
    again, _ = chip_and_controls(one_block(), noise)
    again.restore(state)
    np.testing.assert_array_equal(again.measure(controls[None], np.eye(4)), second)
    with pytest.raises(PhotonicsError, match="drifting phases"):
        again.restore({"n_measurements": 1})


LIGHT = OpticalReadout(laser=Laser(power_w=1e-4, rin_db_per_hz=-400.0))


def test_readings_in_the_dark_have_the_noise_of_their_detectors():
    chip, controls = chip_and_controls(one_block(), NoiseModel(optical_readout=LIGHT))
    dark = chip.measure(controls[None], np.zeros((20_000, 4)))[0]
    rng = np.random.default_rng(0)
    # The detector's own route: currents of a field of zero, divided by that of an input of 1.
    currents = LIGHT.detector.homodyne_a(np.zeros(80_000), LIGHT.local_oscillator_w, rng)
    scale = 2 * LIGHT.detector.responsivity_a_per_w * np.sqrt(LIGHT.local_oscillator_w)
    expected = currents.std() / (scale * np.sqrt(LIGHT.mode_power_w(4)))
    assert dark.std() == pytest.approx(expected, rel=8 / np.sqrt(2 * 80_000))
    assert abs(dark.mean()) < 4 * expected / np.sqrt(80_000)


def test_a_bright_signal_adds_its_own_shot_noise():
    # A weak oscillator, so that the signal's shot noise is most of it.
    light = replace(LIGHT, local_oscillator_w=1e-7, detector=Photodetector(load_ohm=1e9, dark_current_a=0))
    chip, controls = chip_and_controls(one_block(), NoiseModel(optical_readout=light))
    controls[:] = 0.0
    bright = chip.measure(controls[None], np.repeat(np.eye(4)[:1], 20_000, axis=0))[0, :, 0]
    rng = np.random.default_rng(0)
    field = np.full(20_000, np.sqrt(light.mode_power_w(4)))
    currents = light.detector.homodyne_a(field, light.local_oscillator_w, rng)
    assert bright.std() / bright.mean() == pytest.approx(currents.std() / currents.mean(), rel=0.04)
    assert bright.std() > 2 * np.sqrt(light.additive_variance(4))


def test_intensity_noise_is_common_to_the_readings_of_an_inference():
    light = OpticalReadout(
        laser=Laser(power_w=10.0, rin_db_per_hz=-110.0),
        detector=Photodetector(load_ohm=1e9, dark_current_a=0),
        local_oscillator_w=1.0,
    )
    chip, controls = chip_and_controls(one_block(), NoiseModel(optical_readout=light))
    controls[:] = 0.0
    readings = chip.measure(controls[None], np.ones((20_000, 4)))[0]
    assert np.corrcoef(readings[:, 0], readings[:, 3])[0, 1] > 0.99
    assert readings[:, 0].std() == pytest.approx(light.intensity_std, rel=0.03)


@pytest.mark.parametrize("rounding", ["mid-tread", "mid-rise"])
def test_readings_are_codes_of_the_converter(rounding):
    adc = Adc(bits=5, full_scale=0.75, rounding=rounding)
    chip, controls = chip_and_controls(one_block(), NoiseModel(adc=adc))
    ideal, _ = chip_and_controls(one_block(), NoiseModel())
    x = np.random.default_rng(6).normal(size=(300, 4))
    exact = ideal.measure(controls[None], x)[0]
    np.testing.assert_array_equal(chip.measure(controls[None], x)[0], adc.read(exact))
    assert adc.saturated(exact).any()


def test_inputs_are_levels_of_their_converter():
    dac = InputDac(bits=4, full_scale=2.0)
    chip, controls = chip_and_controls(one_block(), NoiseModel(input_dac=dac))
    ideal, _ = chip_and_controls(one_block(), NoiseModel())
    rng = np.random.default_rng(7)
    centers, offsets = rng.uniform(-1, 1, (9, 4)), rng.uniform(-0.5, 0.5, (5, 4))
    points = (centers[:, None] + offsets).reshape(-1, 4)
    expected = ideal.measure(controls[None], dac.encode(points))
    np.testing.assert_array_equal(chip.measure(controls[None], points), expected)
    np.testing.assert_array_equal(chip.measure(controls[None], Stencil(centers, offsets)), expected)
    with pytest.raises(DeviceError, match="DAC input"):
        chip.measure(controls[None], 3 * points)


def test_hidden_layers_convert_and_saturate():
    dac = InputDac(bits=3, full_scale=0.5)
    chip, controls = chip_and_controls(one_block(n_layers=2), NoiseModel(input_dac=dac))
    ideal, _ = chip_and_controls(one_block(), NoiseModel())
    x = dac.encode(np.random.default_rng(8).uniform(-0.5, 0.5, (200, 4)))
    first, second = np.split(controls, 2)
    hidden = ideal.measure(first[None], x)[0]
    presented = np.clip(np.rint(hidden / dac.step), -4, 3) * dac.step
    assert (np.abs(hidden) > 0.5).any()
    np.testing.assert_allclose(
        chip.measure(controls[None], x)[0], ideal.measure(second[None], presented)[0], atol=1e-15
    )


EVERYTHING = replace(
    preset("physical"),
    stuck_shifters=StuckShifters(probability=0.1, spread_rad=1.0),
    programming_std_rad=0.01,
    phase_drift=PhaseDrift(std_rad=0.01, correlation_time_s=1e-6),
    phase_jitter=PhaseJitter(std_rad=0.01, hold_inferences=3),
    input_dac=InputDac(bits=8, full_scale=4.0),
)


def test_any_number_of_threads_sees_the_same_bits():
    answers = []
    x = np.random.default_rng(9).uniform(-1, 1, (2000, 8))
    for threads in (1, 3):
        chip, controls = chip_and_controls(tensor_train(), EVERYTHING, threads=threads)
        answers.append([chip.measure(np.stack([controls] * 3), x) for _ in range(2)])
    np.testing.assert_array_equal(answers[0], answers[1])


def test_vanishing_imperfections_leave_the_bits_of_the_ideal_chip():
    tiny = 1e-30
    vanishing = NoiseModel(
        phase_drift=PhaseDrift(std_rad=tiny),
        phase_jitter=PhaseJitter(std_rad=tiny, hold_inferences=7),
        programming_std_rad=tiny,
        stuck_shifters=StuckShifters(probability=0.0, spread_rad=1.0),
        readout_noise=ReadoutNoise(tiny),
    )
    ideal, controls = chip_and_controls(tensor_train(), NoiseModel())
    almost, _ = chip_and_controls(tensor_train(), vanishing)
    x = np.random.default_rng(10).normal(size=(40, 8))
    np.testing.assert_array_equal(almost.measure(controls[None], x), ideal.measure(controls[None], x))


def test_couplers_and_losses_vanish_to_rounding():
    # Another kernel, the general one: equal to rounding instead of bit by bit.
    tiny = NoiseModel(coupler_imbalance=CouplerImbalance(angle_std_rad=1e-30))
    ideal, controls = chip_and_controls(tensor_train(), NoiseModel())
    almost, _ = chip_and_controls(tensor_train(), tiny)
    x = np.random.default_rng(10).normal(size=(40, 8))
    np.testing.assert_allclose(
        almost.measure(controls[None], x), ideal.measure(controls[None], x), atol=1e-14
    )


def test_two_readout_noises_are_refused():
    with pytest.raises(DeviceError, match="optical_readout and readout_noise"):
        NoiseModel(optical_readout=LIGHT, readout_noise=ReadoutNoise(0.1))

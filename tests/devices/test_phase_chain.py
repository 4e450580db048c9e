"""Quantization, gamma error, crosstalk and bias, each against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.errors import DeviceError
from photonzero.devices.noise_model import PRESETS, NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.quantizer import TWO_PI_RAD, PhaseQuantizer, VoltageQuantizer, modulo_turn
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.photonics.actuator import PhaseActuator
from photonzero.photonics.mesh.topologies import rectangular

# A 4-mode mesh: MZI 0, 1 in layer 0 (rows 0, 2), 2 in layer 1 (row 1), 3, 4 in layer 2, 5 in layer 3.
MESH = rectangular(4)
POSITION = np.stack([np.zeros(6, np.int64), MESH.layer, MESH.row], axis=1)


def actuator(noise: NoiseModel, seed: int = 0) -> PhaseActuator:
    return PhaseActuator(noise, POSITION, np.zeros(6, bool), np.random.default_rng(seed))


def realise(noise: NoiseModel, phase_rad: list[float], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(99)
    return actuator(noise, seed).realise(np.array([phase_rad]), rng)[0]


def test_uniform_grid_of_two_bits_has_three_steps_a_turn():
    third = 2 * np.pi / 3
    q = PhaseQuantizer(bits=2)
    assert q.step_rad == pytest.approx(third, rel=1e-15)
    phases = np.array([0.1, 0.49 * third, 0.51 * third, -0.1, 2 * np.pi + 0.1])
    # -0.1 wraps to just below 2 pi, the last code.
    expected = np.array([0.0, 0.0, third, 3 * third, 0.0])
    np.testing.assert_allclose(q.realise(phases), expected, atol=1e-15)


def test_modulo_a_turn_is_the_remainder():
    edges = [0.0, -1e-30, 1e-30, TWO_PI_RAD, -TWO_PI_RAD, np.nextafter(TWO_PI_RAD, 0), 3 * TWO_PI_RAD]
    phases = np.append(edges, np.random.default_rng(0).normal(3.0, 5.0, 1000))
    np.testing.assert_array_equal(modulo_turn(phases), np.mod(phases, TWO_PI_RAD))


def test_many_settings_meet_what_each_meets_alone():
    phases = np.random.default_rng(1).normal(3.0, 5.0, (100, 6))
    static = actuator(preset("published"))
    together = static.realise(phases, np.random.default_rng(2))
    alone = [static.realise(row[None], np.random.default_rng(2))[0] for row in phases]
    np.testing.assert_array_equal(together, alone)
    jittery = actuator(replace(preset("published"), programming_std_rad=0.1))
    drawn = 0.1 * np.random.default_rng(2).standard_normal((100, 6))
    np.testing.assert_array_equal(jittery.realise(phases, np.random.default_rng(2)), together + drawn)


def test_published_grid_is_255_steps_a_turn():
    assert PhaseQuantizer(bits=8).step_rad == 2 * np.pi / 255


def test_voltage_grid_by_hand():
    # v_pi = 1 V: gamma = pi. Two bits up to 3 V: 0, 1, 2, 3 V, so pi V^2 = 0, pi, 4 pi.
    q = VoltageQuantizer(bits=2, v_max_v=3.0, v_pi_v=1.0)
    # sqrt(0.2) = 0.45 V -> 0 V; sqrt(0.3) = 0.55 V -> 1 V; sqrt(1.9) = 1.38 V -> 1 V.
    phases = np.pi * np.array([0.2, 0.3, 1.9])
    np.testing.assert_allclose(q.realise(phases), [0.0, np.pi, np.pi], atol=1e-14)


def test_voltage_grid_is_coarsest_below_a_full_turn():
    q = VoltageQuantizer(bits=8)
    grid = np.unique(q.realise(np.linspace(0, 2 * np.pi * (1 - 1e-9), 200_001)))
    steps = np.diff(grid)
    assert steps[-2] == steps[:-1].max()
    assert q.step_rad == pytest.approx(steps.max(), rel=0.05)


def test_gamma_error_scales_every_phase_by_its_own_fixed_ratio():
    noise = NoiseModel(phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.002))
    one = realise(noise, [1.0] * 6)
    np.testing.assert_allclose(realise(noise, [2.0] * 6), 2 * one, rtol=1e-15)
    z = (one - 1.0) / (0.002 * 4.36**2 / np.pi)
    assert np.abs(z).max() <= 2.0
    assert np.unique(z).size == 6


def test_gamma_is_a_normal_truncated_at_two_sigma():
    shifter = PhaseShifter(gamma_std_rad_per_v2=0.002)
    assert 0.002 / shifter.gamma_rad_per_v2 == pytest.approx(0.0121, abs=5e-5)
    n = 200_000
    z = (shifter.draw_gamma_ratio(n, np.random.default_rng(1)) - 1) / 0.0121018
    assert np.abs(z).max() <= 2.0001
    # Variance of a normal truncated at two: 1 - 2 * 2 phi(2) / (2 Phi(2) - 1) = 0.7737.
    assert z.var() == pytest.approx(0.7737, abs=4 * np.sqrt(2 / n))


def test_crosstalk_on_a_four_mode_mesh_by_hand():
    noise = NoiseModel(thermal_crosstalk=ThermalCrosstalk(coupling=0.1))
    p = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    expected = [
        1.0 + 0.1 * (2.0 + 3.0),  # (0, 0): (0, 2), (1, 1)
        2.0 + 0.1 * (1.0 + 3.0),  # (0, 2): (0, 0), (1, 1)
        3.0 + 0.1 * (1.0 + 2.0 + 4.0 + 5.0),  # (1, 1): both of layer 0 and both of layer 2
        4.0 + 0.1 * (5.0 + 3.0 + 6.0),  # (2, 0): (2, 2), (1, 1), (3, 1)
        5.0 + 0.1 * (4.0 + 3.0 + 6.0),  # (2, 2)
        6.0 + 0.1 * (4.0 + 5.0),  # (3, 1)
    ]
    np.testing.assert_allclose(realise(noise, p), expected, rtol=1e-15)


def test_a_shifter_inside_a_large_mesh_has_six_neighbours():
    mesh = rectangular(8)
    receiver, _ = ThermalCrosstalk.neighbours(mesh.layer, mesh.row)
    assert np.bincount(receiver).max() == 6


def test_crosstalk_may_differ_from_pair_to_pair():
    rng = np.random.default_rng(0)
    drawn = ThermalCrosstalk(coupling=0.01, std=0.004).draw(20_000, rng)
    assert (drawn > 0.0).all()
    # Four standard deviations of the mean and, the distribution being skew, six of the spread.
    assert drawn.mean() == pytest.approx(0.01, abs=4 * 0.004 / np.sqrt(20_000))
    assert drawn.std() == pytest.approx(0.004, rel=6 / np.sqrt(2 * 20_000))
    even = NoiseModel(thermal_crosstalk=ThermalCrosstalk(coupling=0.1))
    uneven = NoiseModel(thermal_crosstalk=ThermalCrosstalk(coupling=0.1, std=0.01))
    heat = [realise(noise, [1.0] * 6) - 1.0 for noise in (even, uneven)]
    assert 0.0 < np.abs(heat[1] / heat[0] - 1.0).max() < 0.5


def test_uneven_crosstalk_needs_some():
    with pytest.raises(DeviceError, match=r"thermal_crosstalk\.std: 0\.1; allowed with coupling > 0"):
        ThermalCrosstalk(std=0.1)


def test_heat_stays_within_its_mesh():
    two = np.concatenate([POSITION, POSITION + np.array([[1, 0, 0]])])
    noise = NoiseModel(thermal_crosstalk=ThermalCrosstalk(coupling=0.1))
    rng = np.random.default_rng(0)
    both = PhaseActuator(noise, two, np.zeros(12, bool), rng)
    phases = np.array([[1.0] * 6 + [0.0] * 6])
    assert (both.realise(phases, rng)[0, 6:] == 0.0).all()


def test_bias_is_added_last_and_fixed_per_chip():
    noise = NoiseModel(phase_shifter=PhaseShifter(bias_max_rad=1.0))
    bias = realise(noise, [0.0] * 6)
    assert 0 < np.abs(bias).max() <= 1.0
    np.testing.assert_array_equal(realise(noise, [1.0] * 6), 1.0 + bias)
    assert (realise(noise, [0.0] * 6, seed=1) != bias).all()


def test_published_order_of_errors_by_hand():
    noise = NoiseModel(
        phase_quantizer=PhaseQuantizer(bits=2),
        phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.002, bias_max_rad=1.0),
        thermal_crosstalk=ThermalCrosstalk(coupling=0.1),
    )
    rng = np.random.default_rng(0)
    gamma = noise.phase_shifter.draw_gamma_ratio(6, rng)
    bias = noise.phase_shifter.draw_bias_rad(6, rng)
    third = 2 * np.pi / 3
    heated = gamma * np.array([third, 0, 0, 0, 0, 0])
    expected = heated + bias
    expected[1] += 0.1 * heated[0]
    expected[2] += 0.1 * heated[0]
    # 2.0 + 2 pi wraps and rounds to a third of a turn; the bias is neither wrapped nor rounded.
    np.testing.assert_allclose(realise(noise, [2.0 + 2 * np.pi, 0, 0, 0, 0, 0]), expected, rtol=1e-14)


def test_jitter_is_fresh_and_has_its_standard_deviation():
    part = actuator(NoiseModel(programming_std_rad=0.1))
    rng = np.random.default_rng(5)
    drawn = part.realise(np.full((5000, 6), 3.0), rng) - 3.0
    assert drawn.std() == pytest.approx(0.1, abs=4 * 0.1 / np.sqrt(2 * 30_000))
    assert np.unique(drawn).size == drawn.size


def test_published_preset_has_the_published_constants():
    p = preset("published")
    assert p.phase_quantizer == PhaseQuantizer(bits=8)
    assert p.phase_shifter == PhaseShifter(4.36, 0.002, 1.0)
    assert p.thermal_crosstalk.coupling == 0.005
    assert preset("harsh").phase_shifter.bias_max_rad == np.pi
    assert set(PRESETS) >= {"ideal", "published", "harsh", "published-ideal-sigma"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PhaseQuantizer(bits=0), "phase_quantizer.bits: 0; allowed: an integer from 1"),
        (lambda: PhaseQuantizer(bits=2.5), "phase_quantizer.bits: 2.5"),  # type: ignore[arg-type]
        (lambda: VoltageQuantizer(v_max_v=5.0), "voltage_quantizer.v_max_v: 5.0"),
        (lambda: PhaseShifter(gamma_std_rad_per_v2=-1.0), "gamma_std_rad_per_v2: -1.0"),
        (lambda: PhaseShifter(bias_max_rad=4.0), "bias_max_rad: 4.0; allowed"),
        (lambda: ThermalCrosstalk(coupling=float("nan")), "coupling: nan"),
        (lambda: ReadoutNoise(std_of_full_scale=-0.1), "std_of_full_scale: -0.1"),
        (lambda: NoiseModel(programming_std_rad=-1.0), "programming_std_rad: -1.0"),
        (
            lambda: NoiseModel(phase_quantizer=PhaseQuantizer(), voltage_quantizer=VoltageQuantizer()),
            "at most one",
        ),
        (lambda: preset("loud"), "noise: 'loud'; allowed: ideal"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(DeviceError, match=message.replace(".", r"\.")):
        make()


@pytest.mark.parametrize("seed", range(4))
def test_known_errors_are_programmed_away(seed):
    noise = NoiseModel(
        phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.002, bias_max_rad=1.0),
        thermal_crosstalk=ThermalCrosstalk(coupling=0.005),
    )
    part = actuator(noise, seed)
    target = np.random.default_rng(seed).uniform(-10.0, 10.0, 6)
    programmed = part.programmed(target)
    assert np.all((programmed >= 0) & (programmed < 2 * np.pi))
    realised = part.realise(programmed[None], np.random.default_rng(0))[0]
    error = np.abs(np.exp(1j * realised) - np.exp(1j * target))
    at_an_end = (programmed == 0) | (programmed > 2 * np.pi - 1e-12)
    assert np.all(error[~at_an_end] < 1e-9)
    assert at_an_end.sum() <= 2
    # Beyond the reach by what a turn of its neighbours or its own gamma error moves it.
    assert np.all(error < 2 * np.pi * (6 * 0.005 + 0.04))


def test_what_is_stuck_stays_and_its_heat_is_allowed_for():
    noise = NoiseModel(
        stuck_shifters=StuckShifters(probability=0.5, value_rad=1.0, spread_rad=0.5),
        thermal_crosstalk=ThermalCrosstalk(coupling=0.01),
    )
    part = actuator(noise, seed=1)
    target = np.linspace(1.0, 5.0, 6)
    programmed = part.programmed(target)
    realised, elsewhere = part.realise(np.stack([programmed, 0.5 * programmed]), np.random.default_rng(0))
    # What answers moves by half its own phase; what is stuck by the heat of others at most.
    stuck = np.abs(realised - elsewhere) < 0.25
    errors = realised - target
    assert 0 < stuck.sum() < 6
    np.testing.assert_allclose(errors[~stuck], 0.0, atol=1e-9)
    assert np.abs(errors[stuck]).min() > 0.01

import numpy as np
import pytest

from photonzero.devices.drift import PhaseDrift
from photonzero.devices.errors import DeviceError
from photonzero.devices.jitter import PhaseJitter

N = 40_000


def test_jitter_dims_the_mean_field_by_its_coherence():
    jitter = PhaseJitter(std_rad=0.4)
    errors = jitter.draw_rad(N, np.random.default_rng(5))
    assert abs(errors.var() / 0.16 - 1) < 4 * np.sqrt(2 / N)
    assert abs(np.exp(1j * errors).mean() - np.exp(-0.08)) < 4 * 0.4 / np.sqrt(N)
    assert jitter.coherence == pytest.approx(np.exp(-0.08), rel=1e-15)


def test_jitter_sets_the_mean_fidelity_of_a_diagonal_unitary():
    # |tr(U^* U')|^2 / n^2 of n phases: 1/n + (1 - 1/n) exp(-std^2), exactly.
    n, std, trials = 8, 0.3, 20_000
    errors = PhaseJitter(std).draw_rad((trials, n), np.random.default_rng(6))
    fidelity = np.abs(np.exp(1j * errors).mean(axis=1)) ** 2
    expected = 1 / n + (1 - 1 / n) * np.exp(-(std**2))
    assert abs(fidelity.mean() - expected) < 4 * fidelity.std() / np.sqrt(trials)


def test_drift_keeps_its_variance_and_correlates_exponentially():
    drift = PhaseDrift(std_rad=0.2, correlation_time_s=3.0)
    rng = np.random.default_rng(7)
    start = drift.draw_stationary_rad(N, rng)
    now = start
    for step in range(1, 5):
        now = drift.step_rad(now, 1.5, rng)
        expected = 0.04 * np.exp(-step / 2)
        assert drift.autocovariance_rad2(1.5 * step) == pytest.approx(expected, rel=1e-14)
        # The product of two such normals has a variance of at most 2 std^4.
        assert abs((now * start).mean() - expected) < 4 * 0.04 * np.sqrt(2 / N)
        assert abs(now.var() / 0.04 - 1) < 4 * np.sqrt(2 / N)


def test_drift_does_not_depend_on_how_time_is_cut():
    # From one start: mean a x0 and variance std^2 (1 - a^2), in one step or in ten.
    drift = PhaseDrift(std_rad=0.5, correlation_time_s=2.0)
    start = np.full(N, 1.2)
    decay = np.exp(-0.5)
    std = 0.5 * np.sqrt(1 - decay**2)
    for cuts in (1, 10):
        rng, now = np.random.default_rng(8), start
        for _ in range(cuts):
            now = drift.step_rad(now, 1.0 / cuts, rng)
        assert abs(now.mean() - 1.2 * decay) < 4 * std / np.sqrt(N)
        assert abs(now.var() / std**2 - 1) < 4 * np.sqrt(2 / N)


def test_tiny_steps_diffuse_rather_than_round_to_nothing():
    drift = PhaseDrift(std_rad=1.0, correlation_time_s=1.0)
    moved = drift.step_rad(np.zeros(N), 1e-18, np.random.default_rng(9))
    assert moved.var() == pytest.approx(2e-18, rel=4 * np.sqrt(2 / N))


def test_no_time_no_change_and_no_std_no_drift():
    start = np.array([0.1, -0.2])
    rng = np.random.default_rng(10)
    np.testing.assert_array_equal(PhaseDrift(0.3).step_rad(start, 0.0, rng), start)
    np.testing.assert_array_equal(PhaseDrift().draw_stationary_rad(3, rng), np.zeros(3))
    np.testing.assert_array_equal(PhaseJitter().draw_rad(3, rng), np.zeros(3))


def test_bad_parameters_are_named():
    with pytest.raises(DeviceError, match=r"phase_jitter\.std_rad: -1; allowed: .*>= 0"):
        PhaseJitter(-1)
    with pytest.raises(DeviceError, match=r"phase_drift\.std_rad: nan"):
        PhaseDrift(std_rad=float("nan"))
    with pytest.raises(DeviceError, match=r"phase_drift\.correlation_time_s: 0\.0"):
        PhaseDrift(correlation_time_s=0.0)
    with pytest.raises(DeviceError, match=r"elapsed_s: -1\.0; allowed: .*>= 0"):
        PhaseDrift().step_rad(np.zeros(1), -1.0, np.random.default_rng(0))

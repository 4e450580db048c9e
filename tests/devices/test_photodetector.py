import numpy as np
import pytest

from photonzero.devices.constants import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C
from photonzero.devices.errors import DeviceError
from photonzero.devices.photodetector import Photodetector

N = 40_000
Q = ELEMENTARY_CHARGE_C

SHOT_LIMITED = Photodetector(
    responsivity_a_per_w=1.0, dark_current_a=0.0, temperature_k=0.0, bandwidth_hz=1e9
)


def test_shot_noise_limited_signal_to_noise_is_root_of_current_over_2qb():
    power = np.array([1e-6, 1e-4, 1e-2])
    np.testing.assert_allclose(
        SHOT_LIMITED.signal_to_noise(power), np.sqrt(power / (2 * Q * 1e9)), rtol=1e-13
    )
    # 1 uA in 1 GHz: 3121 electrons in a reading of half a nanosecond, whose root is 55.9.
    assert SHOT_LIMITED.signal_to_noise(1e-6) == pytest.approx(np.sqrt(1e-6 * 0.5e-9 / Q), rel=1e-12)


def test_readings_have_the_shot_noise_of_their_current():
    readings = SHOT_LIMITED.detect_a(np.full(N, 1e-4), np.random.default_rng(11))
    variance = 2 * Q * 1e-4 * 1e9
    assert abs(readings.mean() - 1e-4) < 4 * np.sqrt(variance / N)
    assert abs(readings.var() / variance - 1) < 4 * np.sqrt(2 / N)


def test_a_dark_detector_has_thermal_and_dark_noise_about_zero():
    detector = Photodetector(dark_current_a=1e-7, load_ohm=50.0, bandwidth_hz=1e6)
    readings = detector.detect_a(np.zeros(N), np.random.default_rng(12))
    thermal = 4 * BOLTZMANN_J_PER_K * 300.0 * 1e6 / 50.0
    variance = thermal + 2 * Q * 1e-7 * 1e6
    assert detector.thermal_variance_a2 == pytest.approx(thermal, rel=1e-14)
    assert abs(readings.mean()) < 4 * np.sqrt(variance / N)
    assert abs(readings.var() / variance - 1) < 4 * np.sqrt(2 / N)


def test_johnson_noise_of_fifty_ohms_is_the_textbook_number():
    # 0.91 nV/sqrt(Hz) over 50 ohm at 300 K.
    detector = Photodetector(load_ohm=50.0, bandwidth_hz=1.0)
    assert np.sqrt(detector.thermal_variance_a2) * 50.0 == pytest.approx(0.91e-9, rel=1e-3)


def test_balanced_difference_is_signed_and_adds_the_shot_noises():
    detector = Photodetector(dark_current_a=0.0, bandwidth_hz=1e9)
    rng = np.random.default_rng(13)
    readings = detector.balanced_a(np.full(N, 1e-4), np.full(N, 3e-4), rng)
    variance = 2 * Q * 0.95 * 4e-4 * 1e9 + detector.thermal_variance_a2
    assert abs(readings.mean() + 0.95 * 2e-4) < 4 * np.sqrt(variance / N)
    assert abs(readings.var() / variance - 1) < 4 * np.sqrt(2 / N)


def test_homodyne_reads_the_sign_and_size_of_a_field():
    # Field -0.3 + 0.4j in sqrt(mW) units of the oscillator: only its real part is seen.
    oscillator_w, field = 1e-3, np.sqrt(1e-3) * (-0.3 + 0.4j)
    readings = SHOT_LIMITED.homodyne_a(np.full(N, field), oscillator_w, np.random.default_rng(14))
    variance = 2 * Q * (1e-3 + abs(field) ** 2) * 1e9
    assert abs(readings.mean() - 2 * np.sqrt(1e-3) * field.real) < 4 * np.sqrt(variance / N)
    assert abs(readings.var() / variance - 1) < 4 * np.sqrt(2 / N)


@pytest.mark.parametrize("detector", [SHOT_LIMITED, Photodetector()])
@pytest.mark.parametrize("ratio", [1.0, 256.0, 4096.0])
def test_power_for_a_signal_to_noise_is_the_inverse(detector, ratio):
    power = detector.power_for_signal_to_noise_w(ratio)
    assert detector.signal_to_noise(power) == pytest.approx(ratio, rel=1e-12)


def test_shot_limited_sensitivity_is_2qb_times_the_ratio_squared():
    assert SHOT_LIMITED.power_for_signal_to_noise_w(100.0) == pytest.approx(1e4 * 2 * Q * 1e9)


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"responsivity_a_per_w": 0.0}, "responsivity_a_per_w"),
        ({"dark_current_a": -1e-9}, "dark_current_a"),
        ({"load_ohm": 0.0}, "load_ohm"),
        ({"temperature_k": -1.0}, "temperature_k"),
        ({"bandwidth_hz": float("inf")}, "bandwidth_hz"),
    ],
)
def test_bad_parameters_are_named(kwargs, field):
    with pytest.raises(DeviceError, match=rf"photodetector\.{field}: .*; allowed: "):
        Photodetector(**kwargs)


def test_negative_power_and_missing_oscillator_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DeviceError, match=r"power_w: -1e-06 W; allowed: >= 0"):
        Photodetector().detect_a([1e-6, -1e-6], rng)
    with pytest.raises(DeviceError, match=r"power_w: nan W"):
        Photodetector().signal_to_noise(np.nan)
    with pytest.raises(DeviceError, match="local_oscillator_w"):
        Photodetector().homodyne_a(0.1, 0.0, rng)
    with pytest.raises(DeviceError, match="signal_to_noise: -1"):
        Photodetector().power_for_signal_to_noise_w(-1)


@pytest.mark.parametrize("detector", [SHOT_LIMITED, Photodetector()])
def test_homodyne_power_gives_the_signal_to_noise_it_was_asked_for(detector):
    oscillator_w, ratio = 1e-3, 64.0
    power = detector.homodyne_power_w(ratio, oscillator_w)
    field = np.full(N, -np.sqrt(power))
    readings = detector.homodyne_a(field, oscillator_w, np.random.default_rng(25))
    measured = -readings.mean() / readings.std()
    assert measured == pytest.approx(ratio, rel=4 / np.sqrt(2 * N))


def test_strong_oscillator_reaches_the_homodyne_limit():
    # P = S^2 q B / (2 R): thermal and dark noise drown in the oscillator's shot noise.
    limit = 100.0**2 * Q * 0.5e9 / (2 * 0.95)
    assert Photodetector().homodyne_power_w(100.0, 10.0) == pytest.approx(limit, rel=1e-4)


def test_weak_oscillator_is_refused():
    with pytest.raises(DeviceError, match=r"local_oscillator_w: 1e-09; allowed .*: > 2\.76e-06"):
        Photodetector().homodyne_power_w(256.0, 1e-9)

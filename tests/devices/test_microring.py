import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.microring import Microring

RING = Microring(fwhm_nm=0.2, tuning_nm_per_mw=0.25)
DETUNING = np.linspace(-1.0, 1.0, 101)


def test_half_maximum_lies_half_a_width_from_resonance():
    np.testing.assert_allclose(RING.drop([-0.1, 0.0, 0.1]), [0.5, 1.0, 0.5], rtol=1e-14)
    np.testing.assert_allclose(RING.through([-0.1, 0.0, 0.1]), [0.5, 0.0, 0.5], rtol=1e-14)


def test_a_lossless_ring_loses_nothing_and_a_lossy_one_gains_nothing():
    np.testing.assert_allclose(RING.drop(DETUNING) + RING.through(DETUNING), 1.0, rtol=1e-14)
    lossy = Microring(fwhm_nm=0.2, peak_drop=0.7, floor_through=0.1)
    total = lossy.drop(DETUNING) + lossy.through(DETUNING)
    np.testing.assert_allclose(total, 1 - 0.2 * lossy.lorentzian(DETUNING), rtol=1e-14)


def test_the_area_under_the_drop_is_that_of_a_lorentzian():
    # Integral pi/2 x fwhm x peak; the tails beyond +-W hold 2/pi x fwhm/(2W) of it.
    wide = np.linspace(-100.0, 100.0, 400_001)
    area = RING.drop(wide).sum() * (wide[1] - wide[0])
    assert area == pytest.approx(np.pi / 2 * 0.2 * (1 - 2 / np.pi * 0.1 / 100.0), rel=1e-6)


def test_near_resonance_it_agrees_with_the_exact_add_drop_ring():
    # Exact lossless symmetric ring of self-coupling r: drop = (1-r^2)^2 / (1 - 2 r^2 cos + r^4).
    r, spectral_range_nm = 0.99, 10.0
    width = spectral_range_nm * (1 - r**2) / (np.pi * r)
    ring = Microring(fwhm_nm=width)
    detuning = np.linspace(-2 * width, 2 * width, 81)
    angle = 2 * np.pi * detuning / spectral_range_nm
    exact = (1 - r**2) ** 2 / (1 - 2 * r**2 * np.cos(angle) + r**4)
    np.testing.assert_allclose(ring.drop(detuning), exact, atol=1e-4)


def test_detuning_inverts_the_lorentzian_on_the_red_side():
    wanted = np.array([1.0, 0.5, 0.1, 1e-4])
    detuning = RING.detuning_nm(wanted)
    assert detuning[0] == 0.0
    assert (np.diff(detuning) > 0).all()
    np.testing.assert_allclose(RING.lorentzian(detuning), wanted, rtol=1e-12)


def test_heater_power_and_quality_factor():
    np.testing.assert_allclose(RING.heater_power_w([0.0, 0.5]), [0.0, 2e-3], rtol=1e-14)
    assert RING.quality_factor(1550.0) == pytest.approx(7750.0)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"fwhm_nm": 0.0}, r"microring\.fwhm_nm: 0\.0"),
        ({"tuning_nm_per_mw": -0.1}, r"microring\.tuning_nm_per_mw: -0\.1"),
        ({"peak_drop": 1.1}, r"microring\.peak_drop: 1\.1"),
        ({"floor_through": -0.1}, r"microring\.floor_through: -0\.1"),
        (
            {"peak_drop": 0.9, "floor_through": 0.2},
            r"peak_drop \+ floor_through: 1\.1; allowed: <= 1",
        ),
    ],
)
def test_bad_parameters_are_named(kwargs, message):
    with pytest.raises(DeviceError, match=message):
        Microring(**kwargs)


def test_functions_refuse_the_impossible():
    with pytest.raises(DeviceError, match=r"shift_nm: -0\.1; allowed: >= 0"):
        RING.heater_power_w([0.1, -0.1])
    with pytest.raises(DeviceError, match=r"lorentzian: 0\.0; allowed: > 0 and <= 1"):
        RING.detuning_nm([0.5, 0.0])
    with pytest.raises(DeviceError, match="wavelength_nm"):
        RING.quality_factor(-1.0)

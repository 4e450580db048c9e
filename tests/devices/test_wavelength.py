"""The laser's wavelength: its process, and what follows it, to first order."""

import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.wavelength import WavelengthDrift


def test_the_default_dispersion_of_couplers_is_the_derivative_of_their_angle():
    """A coupler of angle pi dn L / wavelength, 50:50 at 1.55 um, with the index difference of the source."""

    def angle(wavelength_um):
        length = 0.25 * 1.55 / 0.02
        return np.pi * (0.02 + 0.1169 * (wavelength_um - 1.55)) * length / wavelength_um

    per_nm = (angle(1.5501) - angle(1.5499)) / 0.2
    assert WavelengthDrift().coupler_error_rad(1.0) == pytest.approx(per_nm, rel=0.01)


def test_a_phase_follows_the_wavelength_of_a_dispersive_guide():
    """2 pi n L / wavelength with n = 2.45 and group index n - wavelength dn/dwavelength = 4.165."""
    slope = (2.45 - 1.7 * 2.45) / 1550.0
    length_nm = 700.0

    def phase(wavelength_nm):
        return 2 * np.pi * (2.45 + slope * (wavelength_nm - 1550.0)) * length_nm / wavelength_nm

    found = WavelengthDrift().phases_rad(np.array([phase(1550.0)]), 0.5)
    np.testing.assert_allclose(found, phase(1550.5), rtol=1e-6)


def test_offset_has_the_law_of_the_drift():
    laser = WavelengthDrift(std_nm=0.2, correlation_time_s=2.0, offset_nm=1.0)
    rng = np.random.default_rng(0)
    start = np.array([laser.draw_offset_nm(rng) for _ in range(4000)])
    assert start.mean() == pytest.approx(1.0, abs=4 * 0.2 / np.sqrt(4000))
    assert start.std() == pytest.approx(0.2, rel=4 / np.sqrt(8000))
    later = np.array([laser.step_nm(offset, 1.0, rng) for offset in start])
    covariance = np.mean((start - 1.0) * (later - 1.0))
    assert covariance == pytest.approx(0.04 * np.exp(-0.5), abs=4 * 0.04 * np.sqrt(1.4 / 4000))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"std_nm": -1.0}, "wavelength_drift.std_nm: -1.0; allowed"),
        ({"offset_nm": 200.0}, "wavelength_drift.offset_nm: 200.0; allowed: a number from -155 to 155"),
        ({"correlation_time_s": 0.0}, "wavelength_drift.correlation_time_s"),
        ({"coupler_rad_per_nm": np.nan}, "wavelength_drift.coupler_rad_per_nm"),
    ],
)
def test_bad_numbers_are_named(change, message):
    with pytest.raises(DeviceError, match=message):
        WavelengthDrift(**change)

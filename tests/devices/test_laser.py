import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.laser import Laser
from photonzero.devices.photodetector import Photodetector


def test_minus_140_db_per_hz_over_a_gigahertz_is_one_thousandth_of_the_power():
    # 10^-14 / Hz x 10^9 Hz = 10^-5, whose root is 0.00316.
    assert Laser(rin_db_per_hz=-140.0).relative_std(1e9) == pytest.approx(np.sqrt(1e-5), rel=1e-13)


def test_drawn_powers_have_the_stated_noise():
    laser, n = Laser(power_w=0.02, rin_db_per_hz=-130.0), 40_000
    powers = laser.draw_power_w(n, 1e9, np.random.default_rng(15))
    std = 0.02 * 1e-2
    assert abs(powers.mean() - 0.02) < 4 * std / np.sqrt(n)
    assert abs(powers.var() / std**2 - 1) < 4 * np.sqrt(2 / n)


def test_noise_grows_with_the_root_of_the_bandwidth():
    laser = Laser()
    assert laser.relative_std(4e9) == pytest.approx(2 * laser.relative_std(1e9), rel=1e-14)
    assert laser.relative_std(0.0) == 0.0


def test_quantum_limit_of_a_laser_is_the_shot_noise_of_a_perfect_detector():
    laser = Laser(power_w=6.4e-3)
    # 2 h nu / P = -164 dB/Hz at 6.4 mW, as measured lasers approach [wang2018].
    assert laser.quantum_limited_rin_db_per_hz == pytest.approx(-164.0, abs=0.1)
    one_electron_per_photon = 1.602176634e-19 / laser.photon_energy_j
    detector = Photodetector(
        responsivity_a_per_w=one_electron_per_photon,
        dark_current_a=0.0,
        temperature_k=0.0,
        bandwidth_hz=1e9,
    )
    relative_shot = 1 / detector.signal_to_noise(laser.power_w)
    as_rin = Laser(power_w=6.4e-3, rin_db_per_hz=laser.quantum_limited_rin_db_per_hz)
    assert as_rin.relative_std(1e9) == pytest.approx(relative_shot, rel=1e-12)


def test_common_intensity_noise_cancels_in_a_balanced_pair():
    laser = Laser(rin_db_per_hz=-110.0)
    quiet = Photodetector(dark_current_a=0.0, temperature_k=0.0, bandwidth_hz=1e6)
    rng = np.random.default_rng(16)
    powers = laser.draw_power_w(20_000, 1e9, rng)
    single = quiet.detect_a(powers / 2, rng).std()
    pair = quiet.balanced_a(powers / 2, powers / 2, rng)
    assert single == pytest.approx(0.1 * 0.95 * laser.power_w / 2, rel=0.03)
    shot_only = np.sqrt(2 * 1.602176634e-19 * 0.95 * laser.power_w * 1e6)
    assert pair.std() == pytest.approx(shot_only, rel=0.03)


def test_wall_plug_power_and_photon_energy():
    assert Laser(power_w=0.01, wall_plug_efficiency=0.2).electrical_power_w == pytest.approx(0.05)
    # 1.2398 eV um / 1.55 um = 0.7999 eV.
    photon_ev = Laser(wavelength_nm=1550.0).photon_energy_j / 1.602176634e-19
    assert photon_ev == pytest.approx(0.7999, abs=1e-4)


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"power_w": 0.0}, "power_w"),
        ({"rin_db_per_hz": 3.0}, "rin_db_per_hz"),
        ({"wall_plug_efficiency": 1.2}, "wall_plug_efficiency"),
        ({"wavelength_nm": -1550.0}, "wavelength_nm"),
    ],
)
def test_bad_parameters_are_named(kwargs, field):
    with pytest.raises(DeviceError, match=rf"laser\.{field}: .*; allowed: "):
        Laser(**kwargs)


def test_negative_bandwidth_is_refused():
    with pytest.raises(DeviceError, match=r"bandwidth_hz: -1\.0"):
        Laser().relative_std(-1.0)

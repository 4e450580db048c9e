import numpy as np
import pytest

from photonzero.devices.microring import Microring
from photonzero.photonics.cores.microring_bank import MicroringBank
from photonzero.photonics.errors import PhotonicsError

# 0.8 nm (100 GHz) apart, as a telecom grid; rings of 0.1 nm.
BANK = MicroringBank(channel_nm=(1550.0, 1550.8, 1551.6, 1552.4))
LOSSY = MicroringBank(
    channel_nm=BANK.channel_nm, ring=Microring(fwhm_nm=0.15, peak_drop=0.85, floor_through=0.05)
)


def slow_weights(bank, detuning):
    """One channel after another, one ring after another, as the light meets them."""
    weights = []
    for channel in bank.channel_nm:
        power, dropped = 1.0, 0.0
        for home, shift in zip(bank.channel_nm, detuning, strict=True):
            away = channel - (home + shift)
            dropped += power * float(bank.ring.drop(away))
            power *= float(bank.ring.through(away))
        weights.append(dropped - power)
    return np.array(weights)


@pytest.mark.parametrize("bank", [BANK, LOSSY])
def test_weights_equal_a_walk_along_the_bus(bank):
    settings = np.random.default_rng(20).uniform(0, 0.4, (5, 4))
    settings[0] = 0.0
    walked = np.array([slow_weights(bank, setting) for setting in settings])
    np.testing.assert_allclose(bank.weights(settings), walked, atol=1e-14)


def test_a_lone_ring_has_the_closed_form_of_its_lorentzian():
    bank = MicroringBank(channel_nm=(1550.0,))
    detuning = np.array([[0.0], [0.05], [0.15]])
    # w = (1 - x^2) / (1 + x^2), x = 2 d / fwhm: 1, 0, -0.8.
    np.testing.assert_allclose(bank.weights(detuning)[:, 0], [1.0, 0.0, -0.8], atol=1e-14)
    wanted = np.array([[0.6], [-0.5]])
    x = np.sqrt((1 - wanted) / (1 + wanted))
    np.testing.assert_allclose(bank.detuning_for(wanted), 0.05 * x, rtol=1e-12)


@pytest.mark.parametrize("bank", [BANK, LOSSY])
def test_detuning_inverts_the_weights_with_crosstalk(bank):
    wanted = np.random.default_rng(21).uniform(-0.8, 0.7, (6, 4))
    detuning = bank.detuning_for(wanted)
    np.testing.assert_allclose(bank.weights(detuning), wanted, atol=1e-12)
    blind = bank.detuning_for(wanted, compensate_crosstalk=False)
    np.testing.assert_allclose(bank.isolated_weights(blind), wanted, atol=1e-12)
    assert np.abs(bank.weights(blind) - wanted).max() > 1e-3


def test_crosstalk_of_a_neighbour_falls_with_the_square_of_the_spacing():
    # Ring 0 parked on its channel steals L(spacing) ~ (fwhm / 2 spacing)^2 of channel 1.
    errors = []
    for spacing in (1.0, 2.0):
        bank = MicroringBank(channel_nm=(1550.0, 1550.0 + spacing), max_detuning_nm=0.4)
        detuning = np.array([0.0, 0.4])
        errors.append(bank.weights(detuning)[1] - bank.isolated_weights(detuning)[1])
    lone = (0.05 / 1.0) ** 2
    through = float(BANK.ring.through(0.4))
    assert errors[0] == pytest.approx(2 * through * lone / (1 + lone), rel=1e-12)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.01)


def test_no_setting_creates_light():
    settings = np.random.default_rng(22).uniform(0, 0.4, (50, 4))
    for bank in (BANK, LOSSY):
        assert np.abs(bank.weights(settings)).max() <= 1.0


def test_range_is_reached_at_its_ends():
    low, high = BANK.weight_range
    assert high == 1.0
    assert low == pytest.approx(2 / (1 + 64) - 1, rel=1e-12)
    detuning = BANK.detuning_for([low, high, low, high], compensate_crosstalk=False)
    np.testing.assert_allclose(detuning, [0.4, 0.0, 0.4, 0.0], atol=1e-9)


def test_multiply_is_the_weighted_sum_of_powers():
    detuning = np.array([0.0, 0.03, 0.1, 0.4])
    power = np.random.default_rng(23).uniform(0, 1e-3, (7, 4))
    expected = (power * BANK.weights(detuning)).sum(axis=1)
    np.testing.assert_allclose(BANK.multiply(power, detuning), expected, rtol=1e-12)


def test_heaters_make_up_offset_and_detuning():
    bank = MicroringBank(channel_nm=(1550.0, 1551.0), cold_offset_nm=0.5)
    # 0.25 nm/mW: 0.5 nm of offset is 2 mW.
    np.testing.assert_allclose(bank.heater_power_w([0.0, 0.25]), [2e-3, 3e-3], rtol=1e-12)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"channel_nm": ()}, r"channel_nm: shape \(0,\)"),
        ({"channel_nm": (1551.0, 1550.0)}, r"channel_nm: .*; allowed: positive and increasing"),
        ({"channel_nm": (1550.0, float("nan"))}, "channel_nm"),
        ({"max_detuning_nm": 0.8}, r"max_detuning_nm: 0\.8; allowed: .*less than .*0\.8"),
        ({"max_detuning_nm": 0.0}, r"max_detuning_nm: 0\.0"),
        ({"cold_offset_nm": -0.1}, r"cold_offset_nm: -0\.1"),
    ],
)
def test_bad_banks_are_refused(kwargs, message):
    with pytest.raises(PhotonicsError, match=message):
        MicroringBank(**{"channel_nm": (1550.0, 1550.8 - 1e-9), **kwargs})


def test_bad_settings_are_refused():
    with pytest.raises(PhotonicsError, match=r"detuning_nm: shape \(3,\); allowed: \(\.\.\., 4\)"):
        BANK.weights(np.zeros(3))
    with pytest.raises(PhotonicsError, match=r"detuning_nm: 0\.5; allowed: from 0 to 0\.4"):
        BANK.weights([0.0, 0.5, 0.0, 0.0])
    with pytest.raises(PhotonicsError, match=r"detuning_nm: nan"):
        BANK.heater_power_w([0.0, np.nan, 0.0, 0.0])
    with pytest.raises(PhotonicsError, match=r"weight: 1\.5, .*; allowed: from -0\.969"):
        BANK.detuning_for([0.0, 1.5, 0.0, 0.0])
    with pytest.raises(PhotonicsError, match=r"weight: -1\.0, .*; allowed"):
        BANK.detuning_for([0.0, -1.0, 0.0, 0.0])
    with pytest.raises(PhotonicsError, match=r"weight: nan, .*; allowed"):
        BANK.detuning_for([0.0, np.nan, 0.0, 0.0])
    with pytest.raises(PhotonicsError, match=r"weight: shape \(\)"):
        BANK.detuning_for(0.5)
    with pytest.raises(PhotonicsError, match=r"power_w: shape \(4,\); allowed: \(B, 4\)"):
        BANK.multiply(np.ones(4), np.zeros(4))
    with pytest.raises(PhotonicsError, match="power_w: negative"):
        BANK.multiply(-np.ones((1, 4)), np.zeros(4))
    with pytest.raises(PhotonicsError, match=r"detuning_nm: shape \(2, 4\); allowed: \(4,\)"):
        BANK.multiply(np.ones((1, 4)), np.zeros((2, 4)))


def test_crowded_rings_still_invert_what_they_apply_and_own_up_to_what_they_cannot():
    crowded = MicroringBank(
        channel_nm=(1550.0, 1550.3, 1550.6), ring=Microring(fwhm_nm=0.1), max_detuning_nm=0.15
    )
    applied = crowded.weights(np.random.default_rng(24).uniform(0.01, 0.14, (50, 3)))
    np.testing.assert_allclose(crowded.weights(crowded.detuning_for(applied)), applied, atol=1e-11)
    with pytest.raises(PhotonicsError, match=r"weight: -0\.8, reached -0\.7"):
        crowded.detuning_for([-0.8, -0.8, -0.8])

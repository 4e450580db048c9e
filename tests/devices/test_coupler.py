import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance, angle_error_rad, coupler_transfer, splitting_ratio
from photonzero.devices.errors import DeviceError


def test_crossing_light_is_a_quarter_wave_late():
    # Convention on a non-symmetric fixture: all light in mode 0, 60 degrees of mixing.
    out = coupler_transfer(np.pi / 12) @ np.array([1.0, 0.0])
    np.testing.assert_allclose(out, [0.5, 1j * np.sqrt(3) / 2], atol=1e-15)


def test_transfer_is_unitary_symmetric_and_splits_as_the_ratio_says():
    errors = np.array([[-0.3, 0.0, 0.02], [0.1, 0.25, np.pi / 4]])
    transfer = coupler_transfer(errors)
    assert transfer.shape == (2, 3, 2, 2)
    identity = np.broadcast_to(np.eye(2), transfer.shape)
    np.testing.assert_allclose(transfer @ transfer.conj().swapaxes(-1, -2), identity, atol=1e-15)
    np.testing.assert_array_equal(transfer, transfer.swapaxes(-1, -2))
    np.testing.assert_allclose(np.abs(transfer[..., 1, 0]) ** 2, splitting_ratio(errors), atol=1e-15)


def test_splitting_ratio_equals_its_closed_form_and_inverts():
    errors = np.linspace(-np.pi / 4, np.pi / 4, 41)
    np.testing.assert_allclose(splitting_ratio(errors), (1 + np.sin(2 * errors)) / 2, atol=1e-15)
    np.testing.assert_allclose(angle_error_rad(splitting_ratio(errors)), errors, atol=1e-8)
    assert splitting_ratio(0.02) == pytest.approx(0.52, abs=1e-4)


def test_an_mzi_of_two_bad_couplers_cannot_reach_the_cross_state():
    # With no phase between them the angles add up: sin^2(e1 + e2) stays in the bar port.
    first, second = 0.03, 0.05
    mzi = coupler_transfer(second) @ coupler_transfer(first)
    assert abs(mzi[0, 0]) ** 2 == pytest.approx(np.sin(first + second) ** 2, rel=1e-12)


def test_drawn_errors_have_the_stated_mean_and_spread():
    model = CouplerImbalance(angle_mean_rad=0.01, angle_std_rad=0.02)
    n = 100_000
    errors = model.draw_angle_error_rad(n, np.random.default_rng(1))
    assert abs(errors.mean() - 0.01) < 4 * 0.02 / np.sqrt(n)
    assert abs(errors.var() / 0.02**2 - 1) < 4 * np.sqrt(2 / n)
    # E[sin 2e] = sin(2 mean) exp(-2 std^2), a closed form beyond first order.
    expected = 0.5 + 0.5 * np.sin(0.02) * np.exp(-2 * 0.02**2)
    assert abs(splitting_ratio(errors).mean() - expected) < 4 * 0.02 / np.sqrt(n)


def test_ideal_couplers_have_no_error_at_all():
    assert CouplerImbalance().is_ideal
    assert not CouplerImbalance(angle_mean_rad=0.01).is_ideal
    drawn = CouplerImbalance().draw_angle_error_rad((3, 2), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"angle_std_rad": -0.1}, r"angle_std_rad: -0\.1; allowed: a number from 0 to"),
        ({"angle_mean_rad": float("nan")}, r"angle_mean_rad: nan; allowed"),
    ],
)
def test_bad_parameters_are_named(kwargs, message):
    with pytest.raises(DeviceError, match=message):
        CouplerImbalance(**kwargs)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, np.nan])
def test_impossible_ratio_is_refused(ratio):
    with pytest.raises(DeviceError, match=r"crossing_ratio: .*; allowed: a number from 0 to 1"):
        angle_error_rad([0.5, ratio])

import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.loss import InsertionLoss, amplitude_transmission, loss_db, power_transmission


def test_ten_decibels_are_a_tenth_of_the_power():
    np.testing.assert_allclose(power_transmission([0.0, 10.0, 20.0]), [1.0, 0.1, 0.01], rtol=1e-15)
    np.testing.assert_allclose(amplitude_transmission([0.0, 20.0]), [1.0, 0.1], rtol=1e-15)


def test_losses_in_series_add_in_decibels():
    one, two = 0.23, 1.7
    product = power_transmission(one) * power_transmission(two)
    assert loss_db(product) == pytest.approx(one + two, rel=1e-13)
    assert not np.signbit(loss_db(1.0))


def test_half_the_power_is_three_decibels():
    assert loss_db(0.5) == pytest.approx(3.0103, abs=1e-4)


def test_cell_and_shifter_amplitudes():
    loss = InsertionLoss(cell_db=0.5, phase_shifter_db=0.23)
    assert loss.cell_amplitude**2 == pytest.approx(10**-0.05, rel=1e-14)
    assert loss.phase_shifter_amplitude**2 == pytest.approx(10**-0.023, rel=1e-14)
    assert not loss.is_ideal
    ideal = InsertionLoss()
    assert ideal.is_ideal
    assert (ideal.cell_amplitude, ideal.phase_shifter_amplitude) == (1.0, 1.0)


@pytest.mark.parametrize("field", ["cell_db", "phase_shifter_db"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_gain_is_refused(field, value):
    with pytest.raises(
        DeviceError, match=rf"insertion_loss\.{field}: {value}; allowed: a number from 0 to 80"
    ):
        InsertionLoss(**{field: value})


def test_functions_refuse_what_no_passive_part_does():
    with pytest.raises(DeviceError, match=r"loss_db: -1\.0; allowed: >= 0"):
        power_transmission([0.0, -1.0])
    with pytest.raises(DeviceError, match=r"loss_db: nan"):
        amplitude_transmission(np.nan)
    for bad in (0.0, 1.1, np.nan):
        with pytest.raises(DeviceError, match=r"transmission: .*; allowed: > 0 and <= 1"):
            loss_db([0.5, bad])

import numpy as np
import pytest

from photonzero.devices.converter import Adc, InputDac
from photonzero.devices.errors import DeviceError


@pytest.mark.parametrize("rounding", ["mid-tread", "mid-rise"])
def test_quantization_noise_is_step_over_root_twelve(rounding):
    adc, n = Adc(bits=8, full_scale=2.0, rounding=rounding), 50_000
    signal = np.random.default_rng(17).uniform(-1.9, 1.9, n)
    error = adc.read(signal) - signal
    assert adc.step == 4.0 / 256
    assert adc.noise_std == pytest.approx(adc.step / np.sqrt(12), rel=1e-15)
    assert np.abs(error).max() <= adc.step / 2 * (1 + 1e-12)
    assert abs(error.mean()) < 4 * adc.noise_std / np.sqrt(n)
    # The square of a uniform error varies with a relative standard deviation of sqrt(4/5).
    assert abs(error.var() / adc.noise_std**2 - 1) < 4 * np.sqrt(0.8 / n)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_full_scale_sine_has_six_decibels_a_bit(bits):
    adc = Adc(bits=bits, rounding="mid-rise")
    sine = np.sin(np.random.default_rng(18).uniform(0, 2 * np.pi, 100_000))
    error = adc.read(sine) - sine
    ratio_db = 10 * np.log10(0.5 / np.mean(error**2))
    assert ratio_db == pytest.approx(6.02 * bits + 1.76, abs=0.15)


def test_mid_tread_has_a_level_at_zero_and_mid_rise_a_threshold():
    tread, rise = Adc(bits=3), Adc(bits=3, rounding="mid-rise")
    assert tread.read(0.1) == 0.0
    np.testing.assert_array_equal(rise.read([-1e-9, 1e-9]), [-0.125, 0.125])
    every = np.linspace(-1.2, 1.2, 1001)
    np.testing.assert_allclose(np.unique(tread.read(every)), np.arange(-4, 4) / 4)
    np.testing.assert_allclose(np.unique(rise.read(every)), (np.arange(-4, 4) + 0.5) / 4)


def test_beyond_the_range_the_adc_reads_the_last_level_and_says_so():
    adc = Adc(bits=3)
    signal = np.array([-9.0, -1.0, 0.86, 0.9, 9.0])
    np.testing.assert_array_equal(adc.read(signal), [-1.0, -1.0, 0.75, 0.75, 0.75])
    np.testing.assert_array_equal(adc.saturated(signal), [True, False, False, True, True])
    rise = Adc(bits=3, rounding="mid-rise")
    np.testing.assert_array_equal(rise.saturated([-1.01, -1.0, 0.99, 1.0]), [True, False, False, True])


def test_reading_a_reading_changes_nothing():
    signal = np.random.default_rng(19).normal(size=100)
    for adc in (Adc(bits=5), Adc(bits=5, rounding="mid-rise")):
        once = adc.read(signal)
        np.testing.assert_array_equal(adc.read(once), once)


def test_dac_writes_the_nearest_level_and_keeps_zero():
    dac = InputDac(bits=2, full_scale=2.0)
    assert dac.step == 1.0
    np.testing.assert_array_equal(
        dac.encode([-2.0, -0.6, 0.0, 0.4, 0.6, 1.9, 2.0]), [-2.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    )


@pytest.mark.parametrize("value", [1.001, -1.5, np.nan])
def test_dac_refuses_a_number_it_has_no_code_for(value):
    with pytest.raises(DeviceError, match=r"DAC input: .*; allowed: magnitude <= .*full_scale = 1"):
        InputDac().encode([0.0, value])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adc(bits=0), r"adc\.bits: 0; allowed: an integer from 1"),
        (lambda: Adc(bits=2.5), r"adc\.bits: 2\.5"),
        (lambda: Adc(full_scale=0.0), r"adc\.full_scale: 0\.0"),
        (lambda: Adc(rounding="up"), r"adc\.rounding: 'up'; allowed: 'mid-tread', 'mid-rise'"),
        (lambda: InputDac(bits=0), r"input_dac\.bits: 0"),
        (lambda: InputDac(full_scale=float("nan")), r"input_dac\.full_scale: nan"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(DeviceError, match=message):
        make()

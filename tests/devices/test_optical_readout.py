"""Light behind a reading: power budget, noise against the closed form of the detector, time."""

import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.laser import Laser
from photonzero.devices.optical_readout import OpticalReadout
from photonzero.devices.photodetector import Photodetector
from photonzero.devices.timing import Timing


def test_the_power_of_an_input_is_its_share_of_what_the_link_leaves():
    light = OpticalReadout(laser=Laser(power_w=0.02), link_loss_db=10.0)
    assert light.mode_power_w(4) == pytest.approx(0.02 * 0.1 / 4, rel=1e-14)


def test_with_a_strong_oscillator_shot_noise_is_all_there_is():
    # Signal power S^2 q B / (2 R) gives a ratio of S at y = 1 [saleh2019].
    detector = Photodetector(dark_current_a=0.0, temperature_k=0.0)
    light = OpticalReadout(laser=Laser(power_w=1e-6), detector=detector, local_oscillator_w=1.0)
    power = light.mode_power_w(8)
    ratio = 1 / np.sqrt(light.additive_variance(8))
    quantum = 1.602176634e-19 * detector.bandwidth_hz / (2 * detector.responsivity_a_per_w)
    assert power == pytest.approx(ratio**2 * quantum, rel=1e-12)


def test_the_two_variances_are_those_of_the_homodyne_detector():
    light = OpticalReadout(local_oscillator_w=1e-6)
    detector, n, y = light.detector, 16, 0.7
    # `homodyne_power_w` solves for the power at which a field has a given ratio; ask it for ours.
    variance = light.additive_variance(n) + light.proportional_variance * y**2
    ratio = y / np.sqrt(variance)
    power = detector.homodyne_power_w(float(ratio), light.local_oscillator_w)
    assert power == pytest.approx(y**2 * light.mode_power_w(n), rel=1e-12)


def test_time_is_that_of_programming_and_of_all_inferences():
    assert Timing(programming_s=2.0, inference_s=0.25).elapsed_s(8) == 4.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OpticalReadout(local_oscillator_w=0.0), "optical_readout.local_oscillator_w: 0.0"),
        (lambda: OpticalReadout(link_loss_db=-1.0), "optical_readout.link_loss_db: -1.0"),
        (lambda: Timing(inference_s=float("nan")), "timing.inference_s: nan"),
        (lambda: Timing(programming_s=-1.0), "timing.programming_s: -1.0"),
        (lambda: PhaseJitter(hold_inferences=0), "phase_jitter.hold_inferences: 0"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(DeviceError, match=message.replace(".", r"\.")):
        make()

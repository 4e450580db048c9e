"""Noise of the detectors, and the bits of the ADCs behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from photonzero.devices.converter import Adc
from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.studies.network_study import network_study
from photonzero.experiments.sweep.study import Axis

_ADC_FULL_SCALE = 4.0
"""Range of the ADCs in units of a layer's full scale, as in the preset `physical`."""


def noise_of(noise: NoiseModel, setting: Mapping[str, Any]) -> NoiseModel:
    """A chip with the setting's detectors."""
    adc = Adc(bits=setting["adc_bits"], full_scale=_ADC_FULL_SCALE) if setting["adc_bits"] else None
    return replace(noise, optical_readout=None, readout_noise=ReadoutNoise(setting["readout_std"]), adc=adc)


STUDY = network_study(
    "detector",
    "Noise of the detectors, and the bits of the ADCs behind them (0: none).",
    (
        Axis("adc_bits", "bits of the ADCs", "int", 0, 24),
        Axis("readout_std", "std. of a reading (share of full scale)", high=1.0),
    ),
    noise_of,
    defaults={"adc_bits": [0], "readout_std": [0.0, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0]},
    quick={"readout_std": [1e-3, 0.01, 0.1]},
    caption=(
        "Every reading of a detector errs by so much, fresh at every inference, in training, validation and "
        "test alike; the error shown is that of noisy answers."
    ),
)

"""From light to numbers: what the receivers of every layer do to its readings."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.kernels import contraction


def detection_table(design: NetworkDesign, noise: NoiseModel) -> npt.NDArray[np.float64]:
    """What the network kernel does to the readings of every layer.

    Args:
        design: the network.
        noise: its readout, converters and losses.

    A trainable gain amplifies the noise as much as the gain that the design starts from.

    Returns:
        (n_layers, N_DETECT), columns of `photonzero.photonics.kernels.contraction`; a last row for the
        digital readout, where nothing happens, is there whether or not the design has one.
    """
    table = np.zeros((len(design.layers) + 1, contraction.N_DETECT))
    for k, (row, layer) in enumerate(zip(table, design.layers, strict=False)):
        row[contraction.DETECT_STD] = noise.readout_noise.std_of_full_scale * layer.full_scale
        light = noise.optical_readout
        if light is not None:
            # Amplified light is amplified noise: passive optics make no singular value above 1.
            per_core = layer.core.gain(layer.initial_std, noise.insertion_loss)
            amplification = layer.gain * max(per_core, 1.0) ** len(layer.in_modes)
            row[contraction.DETECT_STD] = amplification * math.sqrt(light.additive_variance(layer.n_in))
            row[contraction.DETECT_SIGNAL] = math.sqrt(light.proportional_variance)
            row[contraction.DETECT_COMMON] = light.intensity_std
        if noise.adc is not None:
            row[contraction.ADC_STEP] = noise.adc.step * layer.full_scale
            row[contraction.ADC_SHIFT] = 0.5 if noise.adc.rounding == "mid-rise" else 0.0
            row[contraction.ADC_CODES] = 2 ** (noise.adc.bits - 1)
        if noise.input_dac is not None and k + 1 < len(design.layers):
            row[contraction.DAC_STEP] = noise.input_dac.step
            row[contraction.DAC_CODES] = 2 ** (noise.input_dac.bits - 1)
    return table

"""Converters between numbers and signals: the DAC of the inputs and the ADC of the outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_integer, require_number
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]

Rounding: TypeAlias = Literal["mid-tread", "mid-rise"]


def _convert(
    value: npt.ArrayLike, bits: int, step: float, rounding: Rounding
) -> tuple[FloatArray, FloatArray]:
    """Level of each value and its code before saturation."""
    scaled = np.asarray(value, dtype=np.float64) / step
    half = 2 ** (bits - 1)
    if rounding == "mid-tread":
        code = np.rint(scaled)
        return np.clip(code, -half, half - 1) * step, code
    code = np.floor(scaled)
    return (np.clip(code, -half, half - 1) + 0.5) * step, code


def _require_rounding(name: str, rounding: object) -> None:
    if rounding not in ("mid-tread", "mid-rise"):
        raise DeviceError(f"{name}: {rounding!r}; allowed: 'mid-tread', 'mid-rise'")


@dataclass(frozen=True)
class InputDac:
    """The converter that writes input numbers onto light; deterministic, uniform, bipolar.

    Mid-tread in two's complement: ``2^bits`` levels ``k step`` from ``k = -2^(bits-1)`` to
    ``2^(bits-1) - 1``, with ``step = 2 full_scale / 2^bits``. Zero is a level, so that no input
    means no light.

    Attributes:
        bits: resolution. Default 8, as the converters of [zhu2024].
        full_scale: largest magnitude of an input, in the units of the input. Default 1.
    """

    bits: int = 8
    full_scale: float = 1.0

    def __post_init__(self) -> None:
        require_integer("input_dac.bits", self.bits, low=1, high=24)
        require_number("input_dac.full_scale", self.full_scale, low=1e-30)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.bits}-bit inputs"

    @property
    def step(self) -> float:
        """Distance of neighbouring levels, ``2 full_scale / 2^bits``."""
        return 2.0 * self.full_scale / 2**self.bits

    def encode(self, value: npt.ArrayLike) -> FloatArray:
        """Nearest level.

        Args:
            value: any shape, magnitudes up to `full_scale`.

        Returns:
            Same shape. The error is at most half a step, except that within half a step of
            ``+full_scale`` the top level, one step below it, is used.

        Raises:
            DeviceError: a value beyond full scale or NaN: a number without a code is a mistake in
                scaling, not a property of the chip.
        """
        number = np.asarray(value, dtype=np.float64)
        bad = ~(np.abs(number) <= self.full_scale)
        if bad.any():
            raise DeviceError(
                f"DAC input: {number[bad][0]}; "
                f"allowed: magnitude <= input_dac.full_scale = {self.full_scale:g}"
            )
        return _convert(number, self.bits, self.step, "mid-tread")[0]


@dataclass(frozen=True)
class Adc:
    """The converter that reads a detector; deterministic, uniform, bipolar, saturating.

    ``2^bits`` codes of width ``step = 2 full_scale / 2^bits``. Mid-tread: levels ``k step``, zero
    is a level. Mid-rise: levels ``(k + 1/2) step``, zero is a threshold. ``k`` runs from
    ``-2^(bits-1)`` to ``2^(bits-1) - 1`` in both. A busy signal sees an error uniform over a step,
    with standard deviation ``step / sqrt(12)`` [bennett1948], and a full-scale sine a
    signal-to-noise ratio of ``6.02 bits + 1.76`` dB.

    Attributes:
        bits: resolution. Default 8 [zhu2024].
        full_scale: edge of the range, in the units of the signal (photocurrent [A], or a number).
            Default 1.
        rounding: "mid-tread" (default) or "mid-rise". With few bits mid-rise is the better one: a
            1-bit mid-tread converter has the levels -full_scale and 0.
    """

    bits: int = 8
    full_scale: float = 1.0
    rounding: Rounding = "mid-tread"

    def __post_init__(self) -> None:
        require_integer("adc.bits", self.bits, low=1, high=24)
        require_number("adc.full_scale", self.full_scale, low=1e-30)
        _require_rounding("adc.rounding", self.rounding)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.bits}-bit receivers"

    @property
    def step(self) -> float:
        """Width of a code, ``2 full_scale / 2^bits``, in the units of the signal."""
        return 2.0 * self.full_scale / 2**self.bits

    @property
    def noise_std(self) -> float:
        """Standard deviation of the quantization error of a busy signal, ``step / sqrt(12)``."""
        return self.step / math.sqrt(12.0)

    def read(self, signal: npt.ArrayLike) -> FloatArray:
        """Level of each signal; beyond the range, the last level, as the circuit does.

        Args:
            signal: any shape.

        Returns:
            Same shape. `saturated` tells which readings the range has cut.
        """
        return _convert(signal, self.bits, self.step, self.rounding)[0]

    def saturated(self, signal: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether a signal has no code of its own and is read as the first or last level.

        Args:
            signal: any shape.

        Returns:
            Same shape.
        """
        code = _convert(signal, self.bits, self.step, self.rounding)[1]
        half = 2 ** (self.bits - 1)
        return (code < -half) | (code > half - 1)

"""The DAC in front of a phase shifter: which phases can be programmed at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_integer, require_number

FloatArray = npt.NDArray[np.float64]

TWO_PI_RAD = 2.0 * np.pi


def modulo_turn(phase_rad: FloatArray) -> FloatArray:
    """Phases modulo 2 pi, any shape [rad]: in [0, 2 pi), or 2 pi where a negative one is too small to tell.

    The remainder is slow, and most phases are in range.
    """
    turned = np.array(phase_rad)
    outside = (turned < 0.0) | (turned >= TWO_PI_RAD)
    turned[outside] = np.mod(turned[outside], TWO_PI_RAD)
    return turned


@dataclass(frozen=True)
class PhaseQuantizer:
    """Uniform grid of ``2^bits`` phases from 0 to 2 pi, both ends included [zhao2023tonn].

    The step is ``2 pi / (2^bits - 1)``: with 8 bits, 255 steps a turn, and codes 0 and 255 are the
    same phase.

    Attributes:
        bits: resolution. Published: 8.
    """

    bits: int = 8

    def __post_init__(self) -> None:
        require_integer("phase_quantizer.bits", self.bits, low=1, high=24)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.bits}-bit phases"

    @property
    def step_rad(self) -> float:
        """Distance of neighbouring phases [rad]."""
        return TWO_PI_RAD / (2**self.bits - 1)

    def realise(self, phase_rad: FloatArray) -> FloatArray:
        """Nearest programmable phase in [0, 2 pi], any shape [rad]."""
        wrapped = modulo_turn(phase_rad)
        return np.rint(wrapped / self.step_rad) * self.step_rad


@dataclass(frozen=True)
class VoltageQuantizer:
    """Uniform grid of ``2^bits`` voltages; the phase grid ``gamma V^2`` is fine at 0 and coarse at 2 pi.

    Attributes:
        bits: resolution.
        v_max_v: full scale of the DAC [V]. Default 10.8 V [zhao2023tonn].
        v_pi_v: voltage for a phase of pi that the controller assumes [V]. Default 4.36 V.
    """

    bits: int = 8
    v_max_v: float = 10.8
    v_pi_v: float = 4.36

    def __post_init__(self) -> None:
        require_integer("voltage_quantizer.bits", self.bits, low=1, high=24)
        require_number("voltage_quantizer.v_pi_v", self.v_pi_v, low=1e-6)
        # A full turn must be within reach, or some phases could not be set.
        require_number("voltage_quantizer.v_max_v", self.v_max_v, low=float(np.sqrt(2.0)) * self.v_pi_v)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.bits}-bit voltages"

    @property
    def step_v(self) -> float:
        """Distance of neighbouring voltages [V]."""
        return self.v_max_v / (2**self.bits - 1)

    @property
    def step_rad(self) -> float:
        """Coarsest distance of neighbouring phases, the one just below 2 pi [rad]."""
        gamma = np.pi / self.v_pi_v**2
        v_turn = np.sqrt(TWO_PI_RAD / gamma)
        return float(gamma * (v_turn**2 - (v_turn - self.step_v) ** 2))

    def realise(self, phase_rad: FloatArray) -> FloatArray:
        """Phase at the nearest programmable voltage, any shape [rad]."""
        gamma = np.pi / self.v_pi_v**2
        voltage_v = np.sqrt(modulo_turn(phase_rad) / gamma)
        return gamma * (np.rint(voltage_v / self.step_v) * self.step_v) ** 2

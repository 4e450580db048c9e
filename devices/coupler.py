"""Directional couplers: two waveguides that exchange light, and how unequal the split comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

QUARTER_TURN_RAD = np.pi / 4


def coupler_transfer(angle_error_rad: npt.ArrayLike) -> ComplexArray:
    """Transfer matrix of a lossless coupler whose mixing angle is ``pi/4 + error``.

    ``[[cos e, i sin e], [i sin e, cos e]]`` with ``e = pi/4 + error``: light that crosses over is a
    quarter of a wave late [yariv1973].

    Args:
        angle_error_rad: deviation from the 50:50 angle, any shape S [rad].

    Returns:
        (*S, 2, 2), unitary and symmetric (a coupler is reciprocal).
    """
    angle_rad = QUARTER_TURN_RAD + np.asarray(angle_error_rad, dtype=np.float64)
    transfer = np.empty((*angle_rad.shape, 2, 2), dtype=np.complex128)
    transfer[..., 0, 0] = transfer[..., 1, 1] = np.cos(angle_rad)
    transfer[..., 0, 1] = transfer[..., 1, 0] = 1j * np.sin(angle_rad)
    return transfer


def splitting_ratio(angle_error_rad: npt.ArrayLike) -> FloatArray:
    """Fraction of the power that crosses over, ``sin^2(pi/4 + error) = (1 + sin 2 error) / 2``.

    Args:
        angle_error_rad: deviation from the 50:50 angle, any shape [rad].

    Returns:
        Same shape, from 0 to 1; to first order ``1/2 + error``, so an angle error of 0.02 rad is
        the "2 %" of the literature.
    """
    return np.sin(QUARTER_TURN_RAD + np.asarray(angle_error_rad, dtype=np.float64)) ** 2


def angle_error_rad(crossing_ratio: npt.ArrayLike) -> FloatArray:
    """Angle error of a coupler from its measured splitting ratio, the inverse of `splitting_ratio`.

    Args:
        crossing_ratio: fraction of the power that crosses over, any shape, from 0 to 1.

    Returns:
        Same shape, in [-pi/4, pi/4] [rad].

    Raises:
        DeviceError: a ratio outside [0, 1].
    """
    ratio = np.asarray(crossing_ratio, dtype=np.float64)
    outside = ~((ratio >= 0.0) & (ratio <= 1.0))
    if outside.any():
        raise DeviceError(f"crossing_ratio: {ratio[outside][0]}; allowed: a number from 0 to 1")
    return np.arcsin(np.sqrt(ratio)) - QUARTER_TURN_RAD


@dataclass(frozen=True)
class CouplerImbalance:
    """How far the couplers of a chip are from 50:50; static, drawn once per fabricated chip.

    Attributes:
        angle_mean_rad: error that all couplers share, from the wavelength or an etch bias [rad].
            Default 0.
        angle_std_rad: standard deviation of the independent normal error of each coupler [rad].
            Default 0, ideal. A couple of percent, 0.02, is where uncorrected meshes start to fail
            [basani2023, hamerly2022].
    """

    angle_mean_rad: float = 0.0
    angle_std_rad: float = 0.0

    def __post_init__(self) -> None:
        require_number(
            "coupler_imbalance.angle_mean_rad",
            self.angle_mean_rad,
            low=-QUARTER_TURN_RAD,
            high=QUARTER_TURN_RAD,
        )
        require_number("coupler_imbalance.angle_std_rad", self.angle_std_rad, low=0.0, high=QUARTER_TURN_RAD)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        mean = f"{self.angle_mean_rad:g} " if self.angle_mean_rad else ""
        return "" if self.is_ideal else f"couplers {mean}+-{self.angle_std_rad:g} rad"

    @property
    def is_ideal(self) -> bool:
        """Whether every coupler splits exactly in half."""
        return self.angle_mean_rad == 0.0 and self.angle_std_rad == 0.0

    def draw_angle_error_rad(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Angle errors of fabricated couplers, two per MZI, of the given shape [rad]."""
        return self.angle_mean_rad + self.angle_std_rad * rng.standard_normal(shape)

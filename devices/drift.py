"""Slow phase drift: an Ornstein-Uhlenbeck process, exact for any time step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number

FloatArray = npt.NDArray[np.float64]


def later(
    value: FloatArray, std: float, correlation_time_s: float, elapsed_s: float, rng: np.random.Generator
) -> FloatArray:
    """An Ornstein-Uhlenbeck process some time later, exactly [gillespie1996, eqs. 1.9].

    Args:
        value: its values now, any shape.
        std: stationary standard deviation, in the same unit.
        correlation_time_s: after which the correlation has fallen to 1/e [s].
        elapsed_s: time passed, >= 0 [s].
        rng: source of the normal numbers.

    Returns:
        Same shape, a new array.

    Raises:
        DeviceError: negative or infinite time.
    """
    require_number("elapsed_s", elapsed_s, low=0.0)
    exponent = elapsed_s / correlation_time_s
    # 1 - exp(-2 x) by expm1: steps of nanoseconds against seconds would cancel to nothing.
    kick = std * math.sqrt(-math.expm1(-2.0 * exponent))
    return math.exp(-exponent) * value + kick * rng.standard_normal(np.shape(value))


@dataclass(frozen=True)
class PhaseDrift:
    """Phases that wander about their set point and return; dynamic.

    ``dx = -x dt / tau + sqrt(2 / tau) std dW``: stationary normal with standard deviation `std_rad`
    and autocorrelation ``std^2 exp(-|lag| / tau)``. A step of any length is sampled from the exact
    transition law ``x' = a x + std sqrt(1 - a^2) z``, ``a = exp(-dt / tau)`` [gillespie1996, eqs.
    1.9], so results do not depend on how a stretch of time is cut into steps.

    Attributes:
        std_rad: stationary standard deviation [rad]. Default 0, ideal.
        correlation_time_s: tau, after which the correlation has fallen to 1/e [s]. Default 1 s, an
            assumption: package temperature under a slow controller.
    """

    std_rad: float = 0.0
    correlation_time_s: float = 1.0

    def __post_init__(self) -> None:
        require_number("phase_drift.std_rad", self.std_rad, low=0.0)
        require_number("phase_drift.correlation_time_s", self.correlation_time_s, low=1e-15)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return (
            f"phase drift +-{self.std_rad:g} rad in {self.correlation_time_s:g} s" if self.std_rad > 0 else ""
        )

    def draw_stationary_rad(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Drift long after the chip was switched on, of the given shape [rad]."""
        return self.std_rad * rng.standard_normal(shape)

    def step_rad(self, drift_rad: FloatArray, elapsed_s: float, rng: np.random.Generator) -> FloatArray:
        """Drift `elapsed_s` later.

        Args:
            drift_rad: drift now, any shape [rad].
            elapsed_s: time passed, >= 0 [s].
            rng: source of the normal numbers.

        Returns:
            Same shape, a new array [rad].

        Raises:
            DeviceError: negative or infinite time.
        """
        return later(drift_rad, self.std_rad, self.correlation_time_s, elapsed_s, rng)

    def autocovariance_rad2(self, lag_s: npt.ArrayLike) -> FloatArray:
        """Covariance of the drift with itself `lag_s` apart, ``std^2 exp(-|lag| / tau)`` [rad^2].

        Args:
            lag_s: any shape [s].

        Returns:
            Same shape.
        """
        lag = np.abs(np.asarray(lag_s, dtype=np.float64))
        return self.std_rad**2 * np.exp(-lag / self.correlation_time_s)

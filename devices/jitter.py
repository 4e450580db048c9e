"""Phase jitter: the fast part of phase noise, independent from one inference to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from devices._check import require_number

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhaseJitter:
    """Independent normal error of every phase at every inference; dynamic.

    Driver noise and thermal fluctuations faster than an inference. What is slower is `PhaseDrift`.

    Attributes:
        std_rad: standard deviation [rad]. Default 0, ideal.
    """

    std_rad: float = 0.0

    def __post_init__(self) -> None:
        require_number("phase_jitter.std_rad", self.std_rad, low=0.0)

    @property
    def coherence(self) -> float:
        """Mean of ``exp(i error)``, ``exp(-std^2 / 2)``: what is left of the mean field."""
        return float(np.exp(-0.5 * self.std_rad**2))

    def draw_rad(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Phase errors of the given shape [rad]."""
        return self.std_rad * rng.standard_normal(shape)

"""Phase jitter: the fast part of phase noise, fresh while a chip computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_integer, require_number

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhaseJitter:
    """Independent normal error of every phase at every inference; dynamic.

    Driver noise and thermal fluctuations faster than an inference. What is slower is `PhaseDrift`.

    Attributes:
        std_rad: standard deviation [rad]. Default 0, ideal.
        hold_inferences: consecutive inferences that meet the same error. Default 1. A driver has a
            bandwidth: at 1 GHz of inferences noise of 10 MHz holds for about 100.
    """

    std_rad: float = 0.0
    hold_inferences: int = 1

    def __post_init__(self) -> None:
        require_number("phase_jitter.std_rad", self.std_rad, low=0.0)
        require_integer("phase_jitter.hold_inferences", self.hold_inferences, low=1, high=2**31)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"phase jitter +-{self.std_rad:g} rad" if self.std_rad > 0 else ""

    @property
    def coherence(self) -> float:
        """Mean of ``exp(i error)``, ``exp(-std^2 / 2)``: what is left of the mean field."""
        return float(np.exp(-0.5 * self.std_rad**2))

    def draw_rad(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Phase errors of the given shape [rad]."""
        return self.std_rad * rng.standard_normal(shape)

"""Phase shifters that do not answer: a broken heater, a lost bond wire, a shorted driver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StuckShifters:
    """Each shifter fails independently and holds one phase for good; static.

    Attributes:
        probability: chance that a fabricated shifter is stuck. Default 0; no published rate is
            known to us, so any other value is an assumption of the study that sets it.
        value_rad: centre of the phases that stuck shifters hold [rad]. Default 0: no heater power,
            no phase (the fabrication bias still applies).
        spread_rad: the held phase is uniform in ``value_rad +- spread_rad`` [rad]. Default 0; pi is
            "stuck anywhere".
    """

    probability: float = 0.0
    value_rad: float = 0.0
    spread_rad: float = 0.0

    def __post_init__(self) -> None:
        require_number("stuck_shifters.probability", self.probability, low=0.0, high=1.0)
        require_number("stuck_shifters.value_rad", self.value_rad)
        require_number("stuck_shifters.spread_rad", self.spread_rad, low=0.0, high=np.pi)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.probability:.3g} of the shifters stuck" if self.probability > 0 else ""

    def draw(self, n: int, rng: np.random.Generator) -> tuple[BoolArray, FloatArray]:
        """Which of n fabricated shifters are stuck, and where.

        Returns:
            (n,) mask, True where stuck, and (n,) held phases [rad], meaningful where stuck.
        """
        # Both drawn for every shifter, so that a higher probability only adds failures: the same
        # seed keeps the shifters that were already stuck, at the phases they held.
        stuck = rng.random(n) < self.probability
        held_rad = self.value_rad + self.spread_rad * rng.uniform(-1.0, 1.0, n)
        return stuck, held_rad


def apply_stuck(phase_rad: FloatArray, stuck: BoolArray, held_rad: FloatArray) -> FloatArray:
    """Phases with the stuck ones replaced.

    Args:
        phase_rad: (..., n) commanded phases [rad].
        stuck: (n,) mask.
        held_rad: (n,) phases held where stuck [rad].

    Returns:
        (..., n), a new array.
    """
    return np.where(stuck, held_rad, phase_rad)

"""Continuation: a hard problem reached from an easy one, by a coefficient that moves while a chip learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from photonzero.training.checks import positive, require
from photonzero.training.errors import ProblemError
from photonzero.training.pde.base import PDE


@dataclass(frozen=True)
class Continuation:
    """A small coefficient of a PDE begins large, so that a layer or a shock forms while it still is wide.

    Attributes:
        coefficient: name of the problem's attribute, such as "viscosity".
        start: its value at the beginning; the problem's own value ends it.
        share: of the training until the problem's own value is reached, geometrically.
    """

    coefficient: str
    start: float
    share: float = 0.4

    def __post_init__(self) -> None:
        positive(self, "start")
        require(self, "share", 0 < self.share <= 1, "above 0, at most 1")

    def at(self, problem: PDE, done: float) -> PDE:
        """The problem of the moment.

        Args:
            problem: as it shall be solved.
            done: share of the training that is over, 0 to 1.

        Raises:
            ProblemError: no such coefficient, or one that is not above 0.
        """
        end = getattr(problem, self.coefficient, None)
        if not isinstance(end, float) or not (math.isfinite(end) and end > 0):
            raise ProblemError(
                f"{problem.name}: continuation in {self.coefficient!r}, which is {end!r}; allowed: the name "
                "of an attribute that is a number above 0"
            )
        left = max(0.0, 1.0 - done / self.share)
        if left == 0.0:
            return problem
        return problem.changed(**{self.coefficient: end * (self.start / end) ** left})

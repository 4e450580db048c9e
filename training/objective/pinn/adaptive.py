"""Adaptive collocation: more points where the residual was large, at no inference.

Residual-based adaptive distribution [wu2023] draws points with a density that grows with the residual,
which it measures on a dense pool. Here the last batch is the pool: its residuals are known already. A share
of a batch is drawn around the points of the last one, each chosen with a probability proportional to its
residual and moved by a random distance of about that of neighbouring points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE


class LargeResiduals:
    """Where residuals of the last batch were large.

    Args:
        problem: states the box.
        share: part of a batch that is drawn there, from 0, which learns nothing, to 1.
    """

    def __init__(self, problem: PDE, share: float) -> None:
        self._problem = problem
        self._share = share
        self.forget()

    def forget(self) -> None:
        """Forget the last batch: the next one is drawn as the first was."""
        self._known = np.zeros((0, self._problem.dim))
        self._scores = np.zeros(0)

    def observe(self, points: Array, residuals: Array) -> None:
        """Remember a batch: points (M, d) and the residuals (P, M * n_equations) of its candidates."""
        if self._share > 0:
            squares = residuals.reshape(len(residuals), len(points), -1) ** 2
            self._known, self._scores = points, np.sqrt(squares.mean(axis=(0, 2)))

    def adapted(self, points: Array, rng: np.random.Generator) -> Array:
        """A batch (B, d) of which a share lies where residuals were large.

        Args:
            points: (B, d) random points, of which the first ones are replaced.
            rng: draws choices and moves.
        """
        total = self._scores.sum()
        n = round(self._share * len(points))
        if n == 0 or not total > 0:
            return points
        space, known = self._problem.space, self._known
        width = space.upper - space.lower
        chosen = known[rng.choice(len(known), size=n, p=self._scores / total)]
        distance = width * len(known) ** (-1.0 / space.dim)
        moved = chosen + distance * rng.uniform(-0.5, 0.5, (n, space.dim))
        # Reflected at the faces: clipping would pile points up on them.
        moved = space.lower + np.abs(moved - space.lower)
        moved = space.upper - np.abs(space.upper - moved)
        adapted = points.copy()
        adapted[:n] = moved
        return adapted

    def state(self) -> dict[str, Array]:
        """The points (M, d) of the last batch and the sizes (M,) of its residuals."""
        return {"known": self._known.copy(), "scores": self._scores.copy()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what `state` gave."""
        self._known, self._scores = np.array(state["known"]), np.array(state["scores"])

"""Adaptive collocation: more points where the residual was large, at no inference.

Residual-based adaptive distribution [wu2023] draws points with a density that grows with the residual,
which it measures on a dense pool. Here the last batch is the pool: its residuals are known already. A share
of a batch is drawn around the points of the last one, each chosen with a probability proportional to its
residual and moved by a random distance of about that of neighbouring points.
"""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE


def adapted_points(
    problem: PDE, points: Array, known: Array, scores: Array, share: float, rng: np.random.Generator
) -> Array:
    """A batch (B, d) of which a share lies where residuals were large.

    Args:
        problem: states the box.
        points: (B, d) uniform points, of which the first ones are replaced.
        known: (M, d) points of the last batch.
        scores: (M,) sizes of its residuals, >= 0.
        share: part of the batch that is replaced, 0 to 1.
        rng: draws choices and moves.
    """
    total = scores.sum()
    n = round(share * len(points))
    if n == 0 or not total > 0:
        return points
    space = problem.space
    width = space.upper - space.lower
    chosen = known[rng.choice(len(known), size=n, p=scores / total)]
    distance = width * len(known) ** (-1.0 / space.dim)
    moved = chosen + distance * rng.uniform(-0.5, 0.5, (n, space.dim))
    # Reflected at the faces: clipping would pile points up on them.
    moved = space.lower + np.abs(moved - space.lower)
    moved = space.upper - np.abs(space.upper - moved)
    adapted = points.copy()
    adapted[:n] = moved
    return adapted

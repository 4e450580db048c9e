"""One-dimensional rules for the standard normal weight, exactly symmetric about zero.

A family numbers its rules by level. Each rule keeps the half with x >= 0; the other half is its
mirror image, so that mirrored nodes are equal bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import roots_hermitenorm

from photonzero.training.oracle import Array


@dataclass(frozen=True)
class HalfRule:
    """The half x >= 0 of a symmetric rule ``E f(Z) ~ sum_x w_x f(x)``, Z standard normal.

    Attributes:
        nodes: ascending; 0 first where the rule has it.
        weights: weight of each node; its mirror image has the same.
        degree: polynomials up to this degree are integrated exactly.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    degree: int

    def full(self) -> tuple[Array, Array]:
        """All nodes, ascending, and their weights, (n,) each."""
        nodes, weights = np.array(self.nodes), np.array(self.weights)
        mirrored = nodes > 0
        return (
            np.concatenate([-nodes[mirrored][::-1], nodes]),
            np.concatenate([weights[mirrored][::-1], weights]),
        )


@lru_cache(maxsize=128)
def gauss_hermite(level: int) -> HalfRule:
    """The Gauss rule of `level` nodes, exact up to degree ``2 level - 1``.

    Up to three nodes the closed forms 0, 1 and sqrt 3 are used, so that they are right to the last
    bit.
    """
    closed = {
        1: ((0.0,), (1.0,)),
        2: ((1.0,), (0.5,)),
        3: ((0.0, float(np.sqrt(3.0))), (2.0 / 3.0, 1.0 / 6.0)),
    }
    degree = 2 * level - 1
    if level in closed:
        nodes, weights = closed[level]
        return HalfRule(nodes, weights, degree)
    x, w = roots_hermitenorm(level)
    # The library's rule is symmetric up to rounding only: average each node with its mirror image.
    x, w = (x - x[::-1]) / 2, (w + w[::-1]) / (2 * w.sum())
    half = slice(level // 2, None)
    return HalfRule(tuple(x[half].tolist()), tuple(w[half].tolist()), degree)

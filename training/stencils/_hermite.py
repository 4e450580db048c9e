"""Hermite weights of Stein's identity: ``D^a u_s(x) = E He_a(Z) u(x + s Z) / s^|a|``.

u_s is u smoothed by a Gaussian of standard deviation s; He_a is the product of the probabilists'
Hermite polynomials of the multi-index a [stein1981, applied |a| times].
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.special import eval_hermitenorm

from photonzero.training.oracle import Array


def partial_weight(points: Array, coordinates: tuple[int, ...]) -> Array:
    """He_a at standard normal points (n, d), a given by coordinates such as (0, 0, 1): (n,)."""
    weight = np.ones(points.shape[0])
    for axis, count in Counter(coordinates).items():
        weight *= eval_hermitenorm(count, points[:, axis])
    return weight


def curvature_weights(points: Array, directions: tuple[tuple[float, ...], ...]) -> Array | None:
    """``(a . z)^2 - |a|^2`` for each direction a, (n_directions, n); None without directions."""
    if not directions:
        return None
    vectors = np.array(directions, dtype=float)
    return (vectors @ points.T) ** 2 - (vectors**2).sum(axis=1)[:, None]

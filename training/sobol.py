"""Quasi-random points: of the unit cube, and of the standard normal distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array


def sobol_points(n_points: int, dim: int, rng: np.random.Generator) -> Array:
    """Scrambled Sobol points of the unit cube, (n_points, dim).

    The sequence is balanced at powers of two: the first `n_points` of the next one are taken.

    Args:
        n_points: number of points, >= 1.
        dim: number of coordinates of a point.
        rng: what the scrambling is drawn from.

    Raises:
        ArgumentError: more dimensions than the sequence has.
    """
    # scipy.stats takes a third of the time that the package needs to load, and few runs use it.
    from scipy.stats import qmc

    if dim > qmc.Sobol.MAXDIM:
        raise ArgumentError(f"sobol points: {dim} dimensions; allowed: at most {qmc.Sobol.MAXDIM}")
    uniform = qmc.Sobol(dim, scramble=True, rng=rng).random_base2(int(np.ceil(np.log2(n_points))))
    return uniform[:n_points]


def sobol_normals(n_points: int, dim: int, rng: np.random.Generator) -> Array:
    """`sobol_points` through the normal quantile, (n_points, dim)."""
    # Its 30 digits can give 0, where the quantile is infinite: half a digit is the least that is taken.
    half_digit = 2.0**-31
    return ndtri(np.clip(sobol_points(n_points, dim, rng), half_digit, 1 - half_digit))

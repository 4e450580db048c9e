"""Weighing designs: all inputs of a layer on at once, in signs that take the readings apart again.

With n weights on a balance in N = 2^k >= n patterns of +-1, orthogonal to each other, every entry of the
matrix has the variance of one reading over N [hotelling1944]: noise falls by sqrt(N) for free, against
one input after the other.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import hadamard

from photonzero.training.oracle import Array

_ROUNDING = 1e-6
"""Relative difference of equal readings in single precision."""


def weighing_vectors(n: int, size: float = 1.0) -> Array:
    """Orthogonal inputs (N, n) of +-size, N the power of two from n on."""
    n_vectors = 1 << (n - 1).bit_length()
    return size * hadamard(n_vectors)[:, :n].astype(np.float64)


def weighed(readings: Array, vectors: Array) -> Array:
    """The matrices (.., m, n) that give readings (.., N, m) of weighing vectors (N, n)."""
    return np.swapaxes(readings, -1, -2) @ vectors / (vectors**2).sum(axis=0)


def reading_variance(repeated: Array) -> float:
    """Variance of one reading from repeats (rep, .., m) of the same measurement; 0 of a single one.

    What repeats differ by because single precision rounds is no noise.
    """
    if len(repeated) < 2:
        return 0.0
    numbers = repeated.astype(np.float64)
    variance = float(numbers.var(axis=0, ddof=1).mean())
    return variance if variance > _ROUNDING**2 * float((numbers**2).mean()) else 0.0

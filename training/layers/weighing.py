"""Weighing designs: all inputs of a layer on at once, in signs that take the readings apart again.

With n weights on a balance in N = 2^k >= n patterns of +-1, orthogonal to each other, every entry of the
matrix has the variance of one reading over N [hotelling1944]: noise falls by sqrt(N) for free, against
one input after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import hadamard

from photonzero.training.oracle import Array

_CUT_OFF = 0.98
"""Share of full scale from which on a reading may have been cut off."""

_ROUNDING = 1e-6
"""Relative difference of equal readings in single precision."""


def weighing_vectors(n: int, size: float = 1.0) -> Array:
    """Orthogonal inputs (N, n) of +-size, N the power of two from n on."""
    n_vectors = 1 << (n - 1).bit_length()
    return size * hadamard(n_vectors)[:, :n].astype(np.float64)


def weighing_design(n: int, repeats: int, size: float, rng: np.random.Generator) -> Array:
    """The weighing vectors so many times over, (repeats N, n), no time alike.

    Every time each input has a sign of its own. So converters round, and detectors clip, differently from
    time to time, and what they miss shows as noise, which equal repeats would hide. Where there are not
    as many such designs as repeats, vectors differ in size as well, down to half.
    """
    vectors = weighing_vectors(n, size)
    signs = rng.choice([-1.0, 1.0], (repeats, 1, n))
    # Of 2^(n - 1) patterns of signs, a sign of all being none, every design takes N.
    if n - 1 < math.log2(repeats * len(vectors)):
        signs *= rng.uniform(0.5, 1.0, (repeats, 1, 1))
    return (signs * vectors).reshape(-1, n)


def shared_repeats(n_inputs: Sequence[int], repeats: int) -> list[int]:
    """How often the design of every layer is presented, for what `repeats` of each would cost.

    A pass through a layer of N inputs errs by the mean of N / B readings' variance, after B vectors. The
    sum over layers is least for B in proportion to sqrt(N).
    """
    sizes = [1 << (n - 1).bit_length() for n in n_inputs]
    unit = repeats * sum(sizes) / sum(math.sqrt(size) for size in sizes)
    return [max(min(repeats, 2), round(unit / math.sqrt(size))) for size in sizes]


def weighed(readings: Array, vectors: Array) -> Array:
    """The matrices (.., m, n) that give readings (.., B, m) of some weighing designs (B, n)."""
    return np.swapaxes(readings, -1, -2) @ vectors / (vectors**2).sum(axis=0)


def entry_noise(variance: float, vectors: Array) -> float:
    """Standard deviation of an entry of `weighed`, for readings of some variance and vectors (B, n)."""
    return math.sqrt(variance / (vectors**2).sum(axis=0).mean())


def maybe_cut_off(readings: Array, full_scale: float) -> Array:
    """Which readings may have been cut off, the same shape."""
    return np.abs(readings) >= _CUT_OFF * full_scale


def reading_variance(readings: Array, vectors: Array, matrices: Array) -> float:
    """Variance of one reading, from what the matrices leave of them; 0 of as many as there are inputs.

    What readings differ by because single precision rounds is no noise.

    Args:
        readings: (.., B, m).
        vectors: (B, n).
        matrices: (.., m, n), of `weighed`.
    """
    n_vectors, n = vectors.shape
    if n_vectors <= n:
        return 0.0
    left = readings - vectors @ np.swapaxes(matrices, -1, -2)
    variance = float((left**2).mean()) * n_vectors / (n_vectors - n)
    return variance if variance > _ROUNDING**2 * float((readings**2).mean()) else 0.0

"""What readings of a layer say about one of its cores, the others being known.

A layer is linear in each core: ``y[b, (L, i, R)] = sum over r, c of S[b, L, R, r, c] core[r, i, c]``, c
being the column (n_k, r_k) of the unfolded core, L and R the row indices of the cores before and after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[Any]
"""Real, or complex where couplers err."""


def surroundings(cores: Sequence[FieldArray], vectors: FloatArray) -> list[FieldArray]:
    """S of every core, (B, m_<k, m_>k, r_{k-1}, n_k r_k).

    Args:
        cores: of the layer, (r_{k-1}, m_k, n_k, r_k).
        vectors: (B, n_in) that are presented.
    """
    n_vectors = len(vectors)
    lefts: list[FieldArray] = [np.ones((1, 1, 1))]
    for core in cores[:-1]:
        grown = np.tensordot(lefts[-1], core, axes=1).transpose(0, 2, 1, 3, 4)
        rows, m, columns, n, rank = grown.shape
        lefts.append(grown.reshape(rows * m, columns * n, rank))
    found: list[FieldArray] = []
    rest: FieldArray = vectors
    for left, core in zip(reversed(lefts), reversed(cores), strict=True):
        r, m, n, s = core.shape
        n_before = left.shape[1]
        # (B, n_<k, n_k r_k, m_>k): what light is in when it meets the core.
        state = rest.reshape(n_vectors, n_before, n * s, -1)
        moved = np.tensordot(left, state, axes=([1], [1]))
        found.append(moved.transpose(2, 0, 4, 1, 3))
        rest = core.reshape(r * m, n * s) @ state
    return found[::-1]


def passed(cores: Sequence[FieldArray], vectors: FloatArray) -> FieldArray:
    """Outputs (B, n_out) of vectors (B, n_in), before detectors take the real part."""
    n_vectors, columns = vectors.shape
    rest: FieldArray = vectors
    for core in reversed(cores):
        r, m, n, s = core.shape
        columns //= n
        rest = core.reshape(r * m, n * s) @ rest.reshape(n_vectors, columns, n * s, -1)
    return rest.reshape(n_vectors, -1)


def readings_by(surrounding: FieldArray, cores: FieldArray) -> FieldArray:
    """Readings (Q, B, n_out) of cores (Q, r_{k-1}, m_k, n_k, r_k), before detectors take the real part."""
    n_vectors, before, after, r, columns = surrounding.shape
    n_cores, _, m = cores.shape[:3]
    flat = cores.reshape(n_cores, r, m, columns).transpose(1, 3, 0, 2).reshape(r * columns, -1)
    product = surrounding.reshape(-1, r * columns) @ flat
    product = product.reshape(n_vectors, before, after, n_cores, m).transpose(3, 0, 1, 4, 2)
    return product.reshape(n_cores, n_vectors, -1)


def core_behind(
    surrounding: FloatArray, readings: FloatArray, shape: tuple[int, int, int, int]
) -> FloatArray:
    """Cores (Q, r_{k-1}, m_k, n_k, r_k) behind readings (Q, B, n_out), by least squares."""
    r, m, n, s = shape
    n_vectors, before, after = surrounding.shape[:3]
    design = surrounding.reshape(-1, r * n * s)
    split = readings.reshape(len(readings), n_vectors, before, m, after).transpose(0, 3, 1, 2, 4)
    solved = split.reshape(len(readings) * m, -1) @ np.linalg.pinv(design, rcond=1e-6).T
    return solved.reshape(-1, m, r, n, s).transpose(0, 2, 1, 3, 4)


def amplification(surrounding: FloatArray) -> float:
    """Noise of an entry of the core over that of as many evenly spread readings; infinite if one is lost."""
    values = np.linalg.svd(
        surrounding.reshape(-1, surrounding.shape[3] * surrounding.shape[4]), compute_uv=False
    )
    if len(values) < surrounding.shape[3] * surrounding.shape[4] or values[-1] <= 1e-6 * values[0]:
        return float("inf")
    return float(np.sqrt((values**2).mean() * (values**-2.0).mean()))

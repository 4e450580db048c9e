"""Tensor trains of matrices: from a matrix by successive SVDs, back to it, and grown in rank.

A matrix with M = prod m_k rows and N = prod n_k columns is ``A[i_1 .. i_d, j_1 .. j_d] = prod_k
core_k[:, i_k, j_k, :]``, the first index slowest, core k of shape (r_{k-1}, m_k, n_k, r_k)
[oseledets2011]: what `photonzero.photonics.design.TTLayer` multiplies with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]
RealArray: TypeAlias = npt.NDArray[Any]


def tt_svd(
    matrix: FloatArray,
    out_modes: Sequence[int],
    in_modes: Sequence[int],
    *,
    max_rank: int | None = None,
    tolerance: float = 0.0,
) -> list[FloatArray]:
    """Cores of a tensor train close to a matrix, by SVDs of one unfolding after the other [oseledets2011].

    Its squared error is at most the sum over the d - 1 unfoldings of what the best matrix of that rank
    misses, so at most sqrt(d - 1) times the error of the best tensor train of these ranks.

    Args:
        matrix: (prod m_k, prod n_k).
        out_modes: (m_1 .. m_d).
        in_modes: (n_1 .. n_d).
        max_rank: largest rank; None for as many as `tolerance` asks for.
        tolerance: error allowed, relative to the Frobenius norm; 0 drops nothing but rounding.

    Returns:
        Cores (r_{k-1}, m_k, n_k, r_k).

    Raises:
        PhotonicsError: modes that do not give the matrix its shape, a rank below 1, a negative tolerance.
    """
    d = len(out_modes)
    shape = (math.prod(out_modes), math.prod(in_modes))
    if d < 1 or len(in_modes) != d or matrix.shape != shape:
        raise PhotonicsError(
            f"TT-SVD: a matrix {matrix.shape} for modes {tuple(out_modes)} x {tuple(in_modes)}; "
            f"allowed: {shape}"
        )
    if max_rank is not None and max_rank < 1:
        raise PhotonicsError(f"TT-SVD: max_rank {max_rank}; allowed: >= 1")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise PhotonicsError(f"TT-SVD: tolerance {tolerance}; allowed: >= 0")
    # Rows and columns of a core belong together: (m_1, n_1, m_2, n_2, ..).
    pairs = [axis for k in range(d) for axis in (k, d + k)]
    rest = matrix.reshape(*out_modes, *in_modes).transpose(pairs).reshape(1, -1)
    norm = float(np.linalg.norm(matrix))
    allowed = tolerance * norm / math.sqrt(max(d - 1, 1))
    rounding = np.finfo(np.float64).eps * norm * max(shape)
    cores, rank = [], 1
    for m, n in zip(out_modes[:-1], in_modes[:-1], strict=True):
        left, s, right = np.linalg.svd(rest.reshape(rank * m * n, -1), full_matrices=False)
        # missed[r] is what keeping r singular values leaves out.
        missed = np.sqrt(np.cumsum(np.append(s, 0.0)[::-1] ** 2))[::-1]
        kept = max(1, int(np.argmax(missed <= max(allowed, rounding))))
        kept = min(kept, max_rank or kept)
        cores.append(left[:, :kept].reshape(rank, m, n, kept))
        rest, rank = s[:kept, None] * right[:kept], kept
    cores.append(rest.reshape(rank, out_modes[-1], in_modes[-1], 1))
    return cores


def tt_matrix(cores: Sequence[RealArray]) -> RealArray:
    """The matrix (prod m_k, prod n_k) of cores (r_{k-1}, m_k, n_k, r_k), of their type."""
    product = np.ones((1, 1, 1), cores[0].dtype)
    for core in cores:
        product = _joined(product, core)
    return product[:, :, 0]


def _joined(left: RealArray, core: RealArray) -> RealArray:
    """Cores multiplied out so far (M, N, r) and the next one (r, m, n, s): (M m, N n, s)."""
    rows, columns, _ = left.shape
    _, m, n, s = core.shape
    joined = np.tensordot(left, core, axes=1).transpose(0, 2, 1, 3, 4)
    return joined.reshape(rows * m, columns * n, s)


def tt_gradients(cores: Sequence[RealArray], by_matrix: RealArray) -> list[RealArray]:
    """Gradients of a number by the cores, each of its core's shape, from that by the matrix.

    Args:
        cores: (r_{k-1}, m_k, n_k, r_k).
        by_matrix: (prod m_k, prod n_k) derivatives by the entries of the matrix that the cores make.
    """
    lefts = [np.ones((1, 1, 1), by_matrix.dtype)]
    for core in cores[:-1]:
        lefts.append(_joined(lefts[-1], core))
    gradients = []
    # `rest` is the gradient with all cores right of the current one contracted, (M, N, r).
    rest = by_matrix[:, :, None]
    for left, core in zip(reversed(lefts), reversed(cores), strict=True):
        rows, columns, _ = left.shape
        _, m, n, s = core.shape
        split = rest.reshape(rows, m, columns, n, s)
        gradients.append(np.tensordot(left, split, axes=([0, 1], [0, 2])))
        rest = np.tensordot(split, core, axes=([1, 3, 4], [1, 2, 3]))
    return gradients[::-1]


def grown_cores(cores: Sequence[FloatArray], max_rank: int, rng: np.random.Generator) -> list[FloatArray]:
    """Cores of larger ranks with the same product.

    Between neighbours the new part of the left core is random, of the size of its own entries, and that of
    the right one zero: the product does not change, but its derivative by the zeros does not vanish, as it
    would if both were zero.

    Args:
        cores: (r_{k-1}, m_k, n_k, r_k).
        max_rank: every inner rank grows to it, or as far as an exact tensor train could need.
        rng: of the new entries.
    """
    sizes = [core.shape[1] * core.shape[2] for core in cores]
    ranks = [1]
    for k in range(1, len(cores)):
        useful = min(math.prod(sizes[:k]), math.prod(sizes[k:]))
        ranks.append(max(cores[k].shape[0], min(max_rank, useful)))
    ranks.append(1)
    grown = []
    for k, core in enumerate(cores):
        r, m, n, s = core.shape
        new = np.zeros((ranks[k], m, n, ranks[k + 1]))
        new[:r, :, :, :s] = core
        size = float(np.sqrt((core**2).mean()))
        new[:r, :, :, s:] = size * rng.standard_normal((r, m, n, ranks[k + 1] - s))
        grown.append(new)
    return grown


def folded(
    unfolded: Sequence[RealArray], out_modes: Sequence[int], in_modes: Sequence[int], ranks: Sequence[int]
) -> list[RealArray]:
    """Cores (r_{k-1}, m_k, n_k, r_k) of the matrices (r_{k-1} m_k, n_k r_k) that optics realise.

    Args:
        unfolded: the matrices, or their numbers row after row.
        out_modes: (m_1 .. m_d).
        in_modes: (n_1 .. n_d).
        ranks: (r_0 .. r_d).
    """
    shapes = zip(ranks, out_modes, in_modes, ranks[1:], strict=False)
    return [core.reshape(shape) for core, shape in zip(unfolded, shapes, strict=True)]

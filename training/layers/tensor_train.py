"""Tensor trains on the host: from a measured matrix, and derivatives by their cores.

Shapes as in `LayerFormat`; a core unfolds to (r_{k-1} m_k) x (n_k r_k). The last core meets the input first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from photonzero.training.oracle import Array


def tt_cores(
    matrix: Array,
    out_modes: Sequence[int],
    in_modes: Sequence[int],
    ranks: Sequence[int],
    entry_std: float = 0.0,
) -> list[Array]:
    """Cores of a tensor train close to a measured matrix, by one SVD after the other [oseledets2011].

    What a measured matrix has beyond the ranks is noise and is left out. So are singular values that noise
    makes as well: of a p x q matrix of independent entries they end at ``(sqrt p + sqrt q) std``.

    Args:
        matrix: (prod m_k, prod n_k).
        out_modes: (m_1 .. m_d).
        in_modes: (n_1 .. n_d).
        ranks: (r_0 .. r_d), the largest allowed.
        entry_std: standard deviation of the matrix's entries.
    """
    d = len(out_modes)
    # Rows and columns of a core belong together: (m_1, n_1, m_2, n_2, ..).
    pairs = [axis for k in range(d) for axis in (k, d + k)]
    rest = matrix.reshape(*out_modes, *in_modes).transpose(pairs).reshape(1, -1)
    cores, rank = [], 1
    for k in range(d - 1):
        unfolded = rest.reshape(rank * out_modes[k] * in_modes[k], -1)
        left, s, right = np.linalg.svd(unfolded, full_matrices=False)
        floor = entry_std * sum(math.sqrt(n) for n in unfolded.shape)
        kept = max(1, min(ranks[k + 1], int((s > floor).sum())))
        cores.append(left[:, :kept].reshape(rank, out_modes[k], in_modes[k], kept))
        rest, rank = s[:kept, None] * right[:kept], kept
    cores.append(rest.reshape(rank, out_modes[-1], in_modes[-1], 1))
    return cores


def tt_matrix(cores: Sequence[Array]) -> Array:
    """The matrix (prod m_k, prod n_k) of cores."""
    product = np.ones((1, 1, 1))
    for core in cores:
        grown = np.einsum("MNr,rmns->MmNns", product, core)
        rows, m, columns, n, rank = grown.shape
        product = grown.reshape(rows * m, columns * n, rank)
    return product[:, :, 0]


def states(cores: Sequence[Array], inputs: Array) -> list[Array]:
    """What meets each core when inputs (N, n) pass: (N, n_<k, n_k r_k, m_>k), core by core."""
    found, rest = [], inputs
    for k in range(len(cores) - 1, -1, -1):
        r, m, n, s = cores[k].shape
        left = math.prod(core.shape[2] for core in cores[:k])
        rest = rest.reshape(len(inputs), left, n * s, -1)
        found.append(rest)
        core = cores[k].reshape(r * m, n * s)
        # One large product where nothing stands behind, in place of many with one column.
        rest = core @ rest if rest.shape[-1] > 1 else rest.reshape(-1, n * s) @ core.T
    return found[::-1]


def applied(cores: Sequence[Array], inputs: Array) -> Array:
    """What a layer reads of inputs (N, n) without noise, (N, m)."""
    first = states(cores, inputs)[0]
    r, m, n, s = cores[0].shape
    return (cores[0].reshape(r * m, n * s) @ first).reshape(len(inputs), -1)


def costates(cores: Sequence[Array], adjoints: Array) -> tuple[list[Array], Array]:
    """Derivatives by what leaves each core, (N, n_<k, r_{k-1} m_k, m_>k), and by the inputs, (N, n).

    Args:
        cores: of the layer.
        adjoints: (N, m), derivatives by the layer's readings.
    """
    found, rest = [], adjoints
    left = 1
    for core in cores:
        r, m, n, s = core.shape
        rest = rest.reshape(len(adjoints), left, r * m, -1)
        found.append(rest)
        rest = core.reshape(r * m, n * s).T @ rest
        left *= n
    return found, rest.reshape(len(adjoints), -1)


def core_gradients(cores: Sequence[Array], inputs: Array, adjoints: Array) -> tuple[list[Array], Array]:
    """Derivatives of R numbers by the entries of every core, and by the layer's inputs.

    Args:
        cores: of the layer.
        inputs: (R, K, n), K inputs that each of the numbers depends on.
        adjoints: (R, K, m), its derivatives by the readings of each of them.

    Returns:
        (R, core size) core by core, and (R, K, n).
    """
    n_rows, n_nodes, n = inputs.shape
    leaving, by_input = costates(cores, adjoints.reshape(n_rows * n_nodes, -1))
    gradients = []
    for core, left, right in zip(cores, leaving, states(cores, inputs.reshape(-1, n)), strict=True):
        rows, columns = left.shape[2], right.shape[2]
        left = left.reshape(n_rows, -1, rows, left.shape[3]).transpose(0, 2, 1, 3).reshape(n_rows, rows, -1)
        right = right.reshape(n_rows, -1, columns, right.shape[3]).transpose(0, 1, 3, 2)
        gradients.append((left @ right.reshape(n_rows, -1, columns)).reshape(n_rows, core.size))
    return gradients, by_input.reshape(n_rows, n_nodes, n)

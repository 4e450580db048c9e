"""How often each node is measured: heavy ones several times, against their noise, idle ones never.

With node k measured n_k times the noise variance of a derivative is ``s^2 sum_k w_k^2 / n_k``. For
a given number of inferences the least is reached with n_k in proportion to |w_k| [neyman1934]: the
centre of a central Laplacian in 20 dimensions carries 40/h^2 against 1/h^2 of the others.
"""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np

from photonzero.training.checks import checked_count
from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array
from photonzero.training.stencils.base import DerivativeStencil, Rows, TraceEstimate
from photonzero.training.stencils.rows import SparseRows


def optimal_repeats(weights: Array, n_inferences: int) -> Array:
    """How often to measure each node for the least noise variance in all.

    Inferences are given out one by one, each to the node where it lowers the variance most, which
    is optimal, since the gain ``w^2 / (n (n + 1))`` of a further repeat falls with n.

    Args:
        weights: (K,), of the derivative that counts.
        n_inferences: in all, >= K.

    Returns:
        Repeats (K,), at least 1 each, whose sum is `n_inferences`.

    Raises:
        ArgumentError: fewer inferences than nodes.
    """
    checked_count(n_inferences, "n_inferences", weights.size)
    repeats = np.ones(weights.size, dtype=np.intp)
    gains = [(-(float(w) ** 2) / 2, k) for k, w in enumerate(weights)]
    heapq.heapify(gains)
    for _ in range(n_inferences - weights.size):
        _, k = gains[0]
        repeats[k] += 1
        n = int(repeats[k])
        heapq.heapreplace(gains, (-(float(weights[k]) ** 2) / (n * (n + 1)), k))
    return repeats


def repeat_nodes(stencil: DerivativeStencil, repeats: Array) -> DerivativeStencil:
    """The same derivatives with node k measured ``repeats[k]`` times, its weight shared equally.

    Args:
        stencil: of K nodes.
        repeats: (K,), integers >= 1.

    Returns:
        A stencil of ``sum(repeats)`` nodes; copies of a node are neighbours.

    Raises:
        ArgumentError: repeats of another length or below 1.
    """
    counts = np.asarray(repeats)
    valid = np.issubdtype(counts.dtype, np.integer) and counts.shape == (stencil.n_nodes,)
    if not valid or (counts < 1).any():
        raise ArgumentError(f"repeats: {repeats}; allowed: {stencil.n_nodes} integers >= 1")
    source = np.repeat(np.arange(stencil.n_nodes), counts)
    return _taken(stencil, source, 1 / counts[source])


def keep_nodes(stencil: DerivativeStencil, used: Array) -> DerivativeStencil:
    """The stencil without the nodes that are not used: what weighs only others stays what it is.

    Args:
        stencil: of K nodes.
        used: (K,), bool, at least one.

    Returns:
        A stencil of ``used.sum()`` nodes, the same object where that is all of them.
    """
    if used.all():
        return stencil
    source = np.flatnonzero(used)
    return _taken(stencil, source, np.ones(source.size))


def _taken(stencil: DerivativeStencil, source: Array, share: Array) -> DerivativeStencil:
    """A stencil whose node k is node ``source[k]`` of another, its weights times ``share[k]``."""

    def spread(rows: Array) -> Array:
        return rows[..., source] * share

    def spread_rows(rows: Rows) -> Rows:
        if not isinstance(rows, SparseRows):
            return spread(rows)
        shared = None if rows.shared is None else spread(rows.shared)
        return SparseRows((rows.matrix[:, source] * share).tocsr(), shared)

    trace = stencil.trace
    return replace(
        stencil,
        offsets=stencil.offsets[source],
        value=spread(stencil.value),
        gradient=spread_rows(stencil.gradient),
        hessian_diagonal=(
            None if stencil.hessian_diagonal is None else spread_rows(stencil.hessian_diagonal)
        ),
        trace=(
            None
            if trace is None
            else TraceEstimate(trace.dims, spread(trace.trace), spread(trace.slopes), trace.slope_weights)
        ),
        partials={key: spread(row) for key, row in stencil.partials.items()},
        curvatures=None if stencil.curvatures is None else spread(stencil.curvatures),
    )

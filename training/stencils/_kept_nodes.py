"""A stencil without the nodes that a formula has no use for: what is not needed is not measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.stencils.base import DerivativeStencil, Rows, TraceEstimate
from photonzero.training.stencils.rows import SparseRows


def keep_nodes(stencil: DerivativeStencil, used: Array) -> DerivativeStencil:
    """The stencil without the nodes that are not used: what weighs only others stays what it is.

    Args:
        stencil: a stencil of K nodes.
        used: whether each node is kept, (K,), at least one of them.

    Returns:
        A stencil of ``used.sum()`` nodes, the same object where that is all of them.
    """
    if used.all():
        return stencil
    kept = np.flatnonzero(used)

    def rows_of(rows: Rows) -> Rows:
        if not isinstance(rows, SparseRows):
            return rows[..., kept]
        return SparseRows(rows.matrix[:, kept], None if rows.shared is None else rows.shared[kept])

    trace, hessian, curvatures = stencil.trace, stencil.hessian_diagonal, stencil.curvatures
    if trace is not None:
        trace = TraceEstimate(trace.dims, trace.trace[kept], trace.slopes[:, kept], trace.slope_weights)
    return replace(
        stencil,
        offsets=stencil.offsets[kept],
        value=stencil.value[kept],
        gradient=rows_of(stencil.gradient),
        hessian_diagonal=None if hessian is None else rows_of(hessian),
        trace=trace,
        partials={key: row[kept] for key, row in stencil.partials.items()},
        curvatures=None if curvatures is None else curvatures[:, kept],
    )

"""Damped steps of all controls that a layer is set by, on the grid of their DACs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from photonzero.training.layers.places import Places
from photonzero.training.layers.priced_readout import ReducedModel
from photonzero.training.oracle import Array

_ROUNDING_SHARE = 0.01
"""Damping of the metric of rounding over that of the step."""

_ROUNDS = 4
"""Solutions at most, each with those controls held that left their range in the one before."""

_RELATIVE_JITTER = 1e-12
"""Added to the diagonal before it is factored, in units of its largest entry."""


def damped_steps(
    model: ReducedModel, controls: Array, places: Places, dampings: Sequence[float]
) -> list[Array]:
    """New controls (n_controls,), one for each damping, in units of the model's size.

    ``(H + mu size I) d = -b``: the metric of the controls themselves. Columns scaled to unit size
    stall, since a phase that moves little then moves far. Settings on a grid are rounded one after
    the other in the metric of H, so that later ones make up for earlier ones: the nearest plane of
    `photonzero.training.rounding`, by a factor of H itself, which takes a third of n^3 operations. What is
    rounded later has less to lose: controls of little curvature make up for those of much.

    Where a control would leave its range it stays at the end, and the others are solved for again: a step
    that is only cut off there can be worse than none.

    Args:
        model: H and b of the controls at `places`.
        controls: (n_controls,) to start from.
        places: what can be set.
        dampings: mu.
    """
    found = []
    # Rounded from the last to the first: what has no grid makes up for all the others.
    order = np.lexsort([np.diag(model.curvature), places.grid > 0])
    here, low, high = controls[places.index][order], places.low[order], places.high[order]
    first, last = (places.within(np.full(len(order), end))[order] for end in (-np.inf, np.inf))
    slope, curvature = model.slope[order], model.curvature[np.ix_(order, order)]
    for damping in dampings:
        added = damping * model.size
        wanted = here + _step_within(curvature, slope, added, low - here, high - here)
        if (places.grid > 0).any():
            factor = _factor(curvature, _ROUNDING_SHARE * added)
            wanted = _rounded(wanted, places.grid[order], first, last, factor)
        moved = controls.copy()
        settings = np.empty_like(wanted)
        settings[order] = wanted
        moved[places.index] = places.within(settings)
        found.append(moved)
    return found


def _step_within(curvature: Array, slope: Array, added: float, low: Array, high: Array) -> Array:
    """The step (n,) of least ``2 b^T d + d^T (H + added I) d`` within bounds, as found in a few rounds."""
    step, free = np.zeros_like(slope), np.ones(len(slope), dtype=bool)
    for _ in range(_ROUNDS):
        factor = _factor(curvature[np.ix_(free, free)], added)
        there = slope[free] + curvature[np.ix_(free, ~free)] @ step[~free]
        step[free] = -linalg.cho_solve((factor, False), there)
        beyond = free & ((step < low) | (step > high))
        step = np.clip(step, low, high)
        free &= ~beyond
        if not beyond.any():
            break
    return step


def _factor(curvature: Array, added: float) -> Array:
    """Upper Cholesky factor of a curvature and something on its diagonal."""
    damped = curvature.copy()
    # What rounding in double precision may have made indefinite.
    damped[np.diag_indices(len(damped))] += added + _RELATIVE_JITTER * float(np.diag(curvature).max())
    return linalg.cholesky(damped, overwrite_a=True, check_finite=False)


def _rounded(wanted: Array, grid: Array, low: Array, high: Array, factor: Array) -> Array:
    """Settings (n,) on a grid near wanted ones in the metric ``factor^T factor``, the last one first."""
    settings = wanted.copy()
    missed = np.zeros_like(wanted)
    first = int((grid == 0).sum())
    for i in range(len(wanted) - 1, first - 1, -1):
        mean = wanted[i] - factor[i, i + 1 :] @ missed[i + 1 :] / factor[i, i]
        settings[i] = min(max(grid[i] * np.round(mean / grid[i]), low[i]), high[i])
        missed[i] = settings[i] - wanted[i]
    settings[:first] -= linalg.solve_triangular(
        factor[:first, :first], factor[:first, first:] @ missed[first:]
    )
    return settings

"""Steps in whole codes of a DAC: rounded at random, or one after the other with the error fed back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from photonzero.training.oracle import Array, ControlGroupView

Rounding = Literal["nearest", "stochastic", "sequential"]

_RELATIVE_JITTER = 1e-5
"""Added to the diagonal of a covariance before it is factored, in units of its largest entry."""


def grid_steps(groups: Mapping[str, ControlGroupView], n_controls: int) -> Array:
    """Distance of neighbouring settings of each control, (n_controls,); 0 where any number can be set."""
    steps = np.zeros(n_controls)
    for group in groups.values():
        steps[group.slice] = group.grid_step
    return steps


def to_sequential_codes(grid: Array, settings: Array, effects: Array) -> Array:
    """Settings (M, n_controls) rounded one control after the other, each so that the known error stays small.

    What rounding control i by d does to a model is ``d * effects[i]``, K numbers. Their running sum over the
    controls rounded so far is carried on, and a control goes up or down, whichever leaves the sum
    shorter: error feedback, as in sigma-delta converters. Controls with large effects come first, so that
    those with small ones correct them.

    Args:
        grid: (n_controls,) distances of codes; controls with 0 are left as they are.
        settings: (M, n_controls), real numbers.
        effects: (n_controls, K), per unit of the control.
    """
    rounded = settings.copy()
    on_grid = np.flatnonzero(grid > 0)
    lower = np.floor(settings[:, on_grid] / grid[on_grid])
    # Errors of going down, and what a code more is worth.
    errors = lower * grid[on_grid] - settings[:, on_grid]
    a_code = effects[on_grid] * grid[on_grid, None]
    carried = np.zeros((len(settings), effects.shape[1]))
    for i in np.argsort(-(a_code**2).sum(axis=1), kind="stable"):
        down = carried + errors[:, i, None] * effects[on_grid[i]]
        up = down + a_code[i]
        goes_up = (up**2).sum(axis=1) < (down**2).sum(axis=1)
        # Without a known effect the nearest code is as good as any.
        tied = (a_code[i] == 0).all()
        goes_up = (-errors[:, i] > 0.5 * grid[on_grid[i]]) if tied else goes_up
        carried = np.where(goes_up[:, None], up, down)
        rounded[:, on_grid[i]] = (lower[:, i] + goes_up) * grid[on_grid[i]]
    return rounded


def effects_on_model(directions: Array, columns: Array, gram: Array) -> Array:
    """What a change of each control does to a measured model, (n_controls, K), in the units of its residual.

    Of a change only the part in the span of the K measured directions is known. It is ``c @ directions`` with
    ``c = change @ pinv(directions)``, and changes the residual by ``c * columns``, whose length is that of
    ``L.T (c * columns)`` with ``gram = L L.T``.

    Args:
        directions: (K, n_controls) as measured.
        columns: (K,) length of the residual's change along each.
        gram: (K, K) of the columns at unit length.
    """
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return (np.linalg.pinv(directions) * columns) @ root


def rounded_in_turn(wanted: Array, grid: Array, covariance: Array) -> Array:
    """Settings on a grid that lie near wanted ones in the metric of a covariance's inverse.

    Babai's nearest plane [babai1986]: with P = L L^T every setting is ``wanted + L z``. One after the other
    is set to the value on its grid next to its conditional mean, which makes up for what earlier ones missed
    as well as it can. Controls without a grid come last and take z = 0.

    Args:
        wanted: (M, n).
        grid: (n,) distance of neighbouring settings, multiples of which are allowed; 0 for none.
        covariance: (n, n), positive semidefinite.

    Returns:
        (M, n).
    """
    order = np.concatenate([np.flatnonzero(grid > 0), np.flatnonzero(grid == 0)])
    n_on_grid = int((grid > 0).sum())
    ordered = covariance[np.ix_(order, order)].astype(np.float64)
    # A covariance kept in single precision may be indefinite by as much.
    ordered[np.diag_indices(len(order))] += _RELATIVE_JITTER * float(np.diag(ordered).max())
    lower = np.linalg.cholesky(ordered)
    target, steps = wanted[:, order], grid[order]
    z = np.zeros((len(wanted), n_on_grid))
    result = target.copy()
    for i in range(n_on_grid):
        mean = target[:, i] + z[:, :i] @ lower[i, :i]
        result[:, i] = steps[i] * np.round(mean / steps[i])
        z[:, i] = (result[:, i] - mean) / lower[i, i]
    result[:, n_on_grid:] += z @ lower[n_on_grid:, :n_on_grid].T
    settings = np.empty_like(wanted)
    settings[:, order] = result
    return settings

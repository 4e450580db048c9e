"""Damped steps of all controls that a layer is set by, on the grid of their DACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from photonzero.training.layers.priced_readout import ReducedModel
from photonzero.training.oracle import Array
from photonzero.training.rounding import rounded_in_turn

_ROUNDING_SHARE = 0.03
"""Damping of the metric of rounding over that of the step."""


@dataclass(frozen=True)
class Places:
    """Controls of a step and what can be set of each.

    Attributes:
        index: (P,) places in the control vector.
        grid: (P,) distance of neighbouring settings, 0 for none.
        low: (P,) end of the range.
        high: (P,) the other end.
    """

    index: Array
    grid: Array
    low: Array
    high: Array

    def within(self, settings: Array) -> Array:
        """Settings (.., P) moved into the range, and those on a grid to a point of it."""
        step = np.where(self.grid > 0, self.grid, 1.0)
        inside = np.clip(settings, self.low, self.high)
        # The last point of the grid within the range; a turn's end is its beginning.
        last = np.where(self.grid > 0, np.floor(self.high / step - 0.5) * step, self.high)
        return np.clip(inside, np.where(self.grid > 0, np.ceil(self.low / step) * step, self.low), last)


def damped_steps(
    model: ReducedModel, controls: Array, places: Places, dampings: Sequence[float]
) -> list[Array]:
    """New controls (n_controls,), one for each damping, in units of the model's size.

    ``(H + mu size I) d = -b``: the metric of the controls themselves. Columns scaled to unit size
    stall, since a phase that moves little then moves far. Settings on a grid are rounded one after
    the other in the metric of H, so that later ones make up for earlier ones.

    Args:
        model: H and b of the controls at `places`.
        controls: (n_controls,) to start from.
        places: what can be set.
        dampings: mu.
    """
    found = []
    identity = np.eye(len(model.slope))
    for damping in dampings:
        added = damping * model.size * identity
        step = -linalg.solve(model.curvature + added, model.slope, assume_a="pos")
        wanted = np.clip(controls[places.index] + step, places.low, places.high)
        if (places.grid > 0).any():
            covariance = linalg.inv(model.curvature + _ROUNDING_SHARE * added)
            covariance = (covariance + covariance.T) / (2.0 * np.abs(np.diag(covariance)).max())
            wanted = rounded_in_turn(wanted[None], places.grid, covariance)[0]
        moved = controls.copy()
        moved[places.index] = places.within(wanted)
        found.append(moved)
    return found

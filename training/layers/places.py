"""Places of a layer's controls in the control vector, and what can be set of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photonzero.training.layers.oracle import LayerFormat
from photonzero.training.oracle import Array


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

    @property
    def turns_over(self) -> Array:
        """Which are angles that can be set all around, (P,)."""
        return np.isclose(self.high - self.low, 2.0 * np.pi)

    def on_grid(self, settings: Array) -> Array:
        """Settings (P,) at the nearest point of the grid, also a turn's end; angles within one turn."""
        own, over = settings.copy(), self.turns_over
        own[over] = self.low[over] + np.mod(own[over] - self.low[over], 2.0 * np.pi)
        step = np.where(self.grid > 0, self.grid, 1.0)
        return np.where(self.grid > 0, step * np.round(own / step), own)


def trained_of(controls: slice, trained: Array) -> Array:
    """Places of those of some controls that are trained."""
    places = np.arange(controls.start, controls.stop)
    return places[trained[places]]


def by_output(readout: Array, n_features: int) -> Array:
    """Places (m, F + 1) of every output's weights and bias, from weights row after row, then biases."""
    m = readout.size // (n_features + 1)
    weights, biases = readout[: m * n_features].reshape(m, n_features), readout[m * n_features :]
    return np.concatenate([weights, biases[:, None]], axis=1)


def bias_places(formats: Sequence[LayerFormat], trained: Array) -> Places:
    """Those of the biases that are trained, which have no grid and no ends."""
    index = np.concatenate([trained_of(layer.bias, trained) for layer in formats])
    unbounded = np.full(index.size, np.inf)
    return Places(index, np.zeros(index.size), -unbounded, unbounded)


def all_places(
    formats: Sequence[LayerFormat], by_core: Sequence[Sequence[Array]], grid: Array, biases: Places
) -> Places:
    """Trained controls of all cores, layer by layer, then the biases."""
    cores = [core for layer in formats for core in layer.cores]
    index = np.concatenate([places for own in by_core for places in own])
    sizes = [places.size for own in by_core for places in own]
    low, high = (
        np.repeat([core.low for core in cores], sizes),
        np.repeat([core.high for core in cores], sizes),
    )
    return Places(
        np.concatenate([index, biases.index]),
        np.concatenate([grid[index], biases.grid]),
        np.concatenate([low, biases.low]),
        np.concatenate([high, biases.high]),
    )

"""Anchored coordinates: a feature is turned about where it is steep, not about the middle of its inputs.

A layer's reading is ``z_j = W_j . h + b_j``, and a phase that changes W_j turns the feature about h = 0,
wherever that is. A feature that is steep elsewhere then moves away as it steepens, so that what can be
learned depends on the place of the domain. With an anchor c_j amid the inputs that it is steep at, and b_j
minus the change of ``W_j . c_j`` along with every change of W_j, it turns about c_j. Damping, bounds
and rounding of a step then act on turns alone. It costs no inference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photonzero.training.layers.network import MeasuredLayer, passed
from photonzero.training.layers.priced_readout import ReducedModel
from photonzero.training.layers.tensor_train import core_gradients
from photonzero.training.objective import KnownBatch
from photonzero.training.oracle import Array

_POINTS = 1024
"""Points of a batch that anchors are means over, at most."""

_EVENLY = 0.01
"""Weight of the mean of all inputs, for features that are steep nowhere."""


def anchors(layers: Sequence[MeasuredLayer], batch: KnownBatch) -> list[Array]:
    """Of every layer and feature, the mean input weighted by the activation's slope there, (m, n)."""
    places, _ = batch.judged(_POINTS)
    way = passed(layers, places[:, None])
    found = []
    for (slope, *_), inputs in zip(way.slopes, way.inputs, strict=False):
        weights, here = np.abs(slope[:, 0]).astype(np.float64), inputs[:, 0].astype(np.float64)
        evenly = _EVENLY * len(here)
        total = weights.sum(axis=0) + evenly
        found.append((weights.T @ here + evenly * here.mean(axis=0)) / total[:, None])
    return found


def bias_slopes(
    layers: Sequence[MeasuredLayer], changes: Sequence[Sequence[Array]], centers: Sequence[Array]
) -> Array:
    """What every control of the cores changes of ``W_j . c_j``, (biases, P), all layers.

    Args:
        layers: of the network.
        changes: for every layer and core, of the core by its controls, (P, core size).
        centers: from `anchors`.
    """
    sizes = [len(change) for layer in changes for change in layer]
    found = np.zeros((sum(layer.bias.size for layer in layers), sum(sizes)))
    row = column = 0
    for layer, own, center in zip(layers, changes, centers, strict=True):
        m = layer.bias.size
        gradients, _ = core_gradients(layer.cores, center[:, None, :], np.eye(m)[:, None, :])
        for gradient, change in zip(gradients, own, strict=True):
            found[row : row + m, column : column + len(change)] = gradient @ change.T
            column += len(change)
        row += m
    return found


def about_anchors(model: ReducedModel, slopes: Array) -> ReducedModel:
    """A model, of P + biases, in which every change of a control changes the biases against it.

    Args:
        model: of controls of the cores, then of the biases.
        slopes: (biases, P), from `bias_slopes`.
    """
    n = slopes.shape[1]
    curvature, slope = model.curvature.copy(), model.slope.copy()
    curvature[:, :n] -= curvature[:, n:] @ slopes
    curvature[:n] -= slopes.T @ curvature[n:]
    slope[:n] -= slopes.T @ slope[n:]
    return ReducedModel(curvature, slope)


def answered(
    before: Sequence[MeasuredLayer], after: Sequence[MeasuredLayer], centers: Sequence[Array]
) -> Array:
    """What the biases of all layers change by once new matrices have been read, (biases,)."""
    changes = [
        ((old.matrix - new.matrix) * center).sum(axis=1)
        for old, new, center in zip(before, after, centers, strict=True)
    ]
    return np.concatenate(changes)

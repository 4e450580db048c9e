"""How many multiplications and additions the host does for a step, by formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

from photonzero.training.layers.oracle import LayerFormat
from photonzero.training.objective import KnownBatch
from photonzero.training.oracle import Array


def n_streams(batch: KnownBatch) -> int:
    """Vectors that a host passes through a network for a batch: B T of every part."""
    parts = zip(batch.nodes, batch.forms, strict=True)
    widths = ((own.shape, 0 if forms is None else own.shape[2] + len(forms)) for own, forms in parts)
    return sum(n_points * (n_nodes + n_slopes) for (n_points, n_nodes, _), n_slopes in widths)


def of_readout(formats: Sequence[LayerFormat], batch: KnownBatch, n_rows: int, n_readout: int) -> float:
    """Points through all layers, and a readout solved: 2 B T a matrix entry, 2 R F^2 + F^3 / 3."""
    entries = sum(layer.n_in * layer.n_out for layer in formats)
    return 2.0 * n_streams(batch) * entries + (2.0 * n_rows * n_readout**2 + n_readout**3 / 3.0)


def of_step(
    formats: Sequence[LayerFormat],
    by_core: Sequence[Sequence[Array]],
    batch: KnownBatch,
    shape: tuple[int, int],
    n_dampings: int,
) -> float:
    """The Jacobian by every core that moves, and damped steps of all controls.

    Args:
        formats: of the layers.
        by_core: places of each core's controls that are trained, layer by layer.
        batch: of the task.
        shape: R residuals and n phases and biases.
        n_dampings: steps that are solved for.
    """
    n_rows, n_controls = shape
    found = 2.0 * n_rows * n_controls**2 + 2.0 / 3.0 * n_dampings * n_controls**3
    for layer, own in zip(formats, by_core, strict=True):
        for c, places in enumerate(own):
            if places.size:
                beside = math.prod(layer.out_modes[:c]) * math.prod(layer.in_modes[c + 1 :])
                entries = layer.ranks[c] * layer.out_modes[c] * layer.in_modes[c] * layer.ranks[c + 1]
                found += 2.0 * entries * (n_streams(batch) * beside + n_rows * places.size)
    return found

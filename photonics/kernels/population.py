"""Settings that differ in a few controls: what they have in common is computed once.

A network runs through events: cores one after the other and, behind the cores of a layer, its end (detection,
bias, activation). A setting that differs from a reference in a late core shares everything before. Every
answer keeps its bits.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from photonzero.photonics.kernels.contraction import (
    DETECT_COMMON,
    DETECT_SIGNAL,
    DETECT_STD,
    LAYER_BIAS,
    LAYER_N_IN,
    LAYER_N_OUT,
    LAYER_STAGE_START,
    LAYER_STAGE_STOP,
    STAGE_COLUMNS,
    STAGE_ROWS,
    STAGE_WEIGHT,
    TILE_WIDTHS,
    buffer_rows,
    finish_layer,
    run_stage,
    tile_width,
)
from photonzero.photonics.kernels.jit import kernel
from photonzero.photonics.kernels.normals import mix64

F = TypeVar("F", bound=np.floating)


def make_run_population(width: int):
    """The kernel for tiles of `width` points; see `run_population` for its arguments."""

    @kernel()
    def run_population(
        layers, stages, reference_weights, reference_biases, weights, biases, detect, keys, first, points, out
    ):
        n_layers = layers.shape[0]
        n_in, n_out = layers[0, LAYER_N_IN], layers[n_layers - 1, LAYER_N_OUT]
        n_events = layers[n_layers - 1, LAYER_STAGE_STOP] + n_layers
        size = buffer_rows(layers, stages) * width
        here, there = np.zeros(size, weights.dtype), np.zeros(size, weights.dtype)
        # What stands before an event, for the events that any setting starts with; 0 is the inputs.
        place = np.full(n_events + 1, -1)
        n_places, last = 1, 0
        place[0] = 0
        for p in range(first.shape[0]):
            last = max(last, first[p])
            if place[first[p]] < 0:
                place[first[p]] = n_places
                n_places += 1
        kept = np.zeros((n_places, size), weights.dtype)
        n_points = points.shape[0]
        for start in range(0, n_points, width):
            count = min(width, n_points - start)
            for t in range(count):
                for i in range(n_in):
                    kept[0, i * width + t] = points[start + t, i]
            # Number -1 is the reference, which no noise may reach: `first` sees to that.
            for p in range(-1, first.shape[0]):
                begin = 0 if p < 0 else first[p]
                end = last if p < 0 else n_events
                w = reference_weights if p < 0 else weights[p]
                b = reference_biases if p < 0 else biases[p]
                source = kept[place[begin]]
                tile_key = np.uint64(0) if p < 0 else mix64(keys[p] ^ np.uint64(start))
                for k in range(n_layers):
                    layer = layers[k]
                    for j in range(layer[LAYER_STAGE_START], layer[LAYER_STAGE_STOP]):
                        event = j + k
                        if begin <= event and event < end:
                            if event == begin:
                                run_stage(stages[j], w, source, here, width)
                            else:
                                run_stage(stages[j], w, here, there, width)
                                here, there = there, here
                            if p < 0 and place[event + 1] >= 0:
                                kept[place[event + 1]] = here
                    event = layer[LAYER_STAGE_STOP] + k
                    if begin <= event and event < end:
                        n_row = layer[LAYER_N_OUT] * width
                        if event == begin:
                            here[:n_row] = source[:n_row]
                        noise_key = mix64(tile_key + np.uint64(k))
                        finish_layer(layer, b, detect[k], noise_key, here, there, width)
                        if p < 0 and place[event + 1] >= 0:
                            kept[place[event + 1]] = here
                if begin == n_events:
                    here[: n_out * width] = source[: n_out * width]
                if p >= 0:
                    for i in range(n_out):
                        for t in range(count):
                            out[p, start + t, i] = here[i * width + t]

    return run_population


_KERNELS = {width: make_run_population(width) for width in TILE_WIDTHS}


def run_population(
    layers, stages, reference_weights, reference_biases, weights, biases, detect, keys, first, points, out
) -> None:
    """Network outputs of some settings at some points, the bits of `run_network` for each of them.

    Args:
        layers: see `run_network`.
        stages: see there.
        reference_weights: (n_weights,) what the settings are compared with.
        reference_biases: (n_biases,).
        weights: (P, n_weights).
        biases: (P, n_biases).
        detect: see there.
        keys: (P,) uint64 noise keys.
        first: (P,) events that each setting starts with, see `first_events`.
        points: (N, d).
        out: (P, N, n_out) receives the outputs.
    """
    _KERNELS[tile_width(weights.dtype, points.shape[0])](
        layers, stages, reference_weights, reference_biases, weights, biases, detect, keys, first, points, out
    )


def common_setting(rows: npt.NDArray[F]) -> npt.NDArray[F]:
    """Per entry what two of three far rows (P, n) agree on: exact for rows that change an entry each."""
    n = len(rows)
    a, b, c = rows[0], rows[n // 3], rows[2 * n // 3]
    return np.where(a == b, a, c)


def first_events(
    layers: npt.NDArray[np.int64],
    stages: npt.NDArray[np.int64],
    detect: npt.NDArray[Any],
    weights: npt.NDArray[np.bool_],
    biases: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Numbers (P,) of the first events that differ from the reference's; that of no event for a copy of it.

    Event j + k is core j, of layer k; event LAYER_STAGE_STOP + k is the end of layer k.

    Args:
        layers: see `run_network`.
        stages: see there.
        detect: see there.
        weights: (P, n_weights) whether they differ.
        biases: (P, n_biases).
    """
    n_layers = len(layers)
    first = np.full(len(weights), layers[-1, LAYER_STAGE_STOP] + n_layers)
    for k in reversed(range(n_layers)):
        start, stop, bias = layers[k, [LAYER_STAGE_START, LAYER_STAGE_STOP, LAYER_BIAS]]
        differs = biases[:, bias : bias + layers[k, LAYER_N_OUT]].any(axis=1)
        # Noise is drawn for every setting anew.
        noisy = (detect[k, [DETECT_STD, DETECT_SIGNAL, DETECT_COMMON]] > 0).any()
        first[differs | noisy] = stop + k
        for j in reversed(range(start, stop)):
            place = stages[j, STAGE_WEIGHT]
            end = place + stages[j, STAGE_ROWS] * stages[j, STAGE_COLUMNS]
            first[weights[:, place:end].any(axis=1)] = j + k
    return first

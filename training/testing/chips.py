"""Chips in a laboratory, as far as training can tell: small systems that know nothing of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from photonzero.training.layers.oracle import CoreFormat, LayerFormat
from photonzero.training.oracle import Array, ControlGroup, Inputs, Stencil, n_inputs

N_HEATERS, N_FEATURES = 8, 16


class LabChip:
    """Sine features of a physical system with eight unknown heaters; weights and an offset in electronics.

    Args:
        dim: coordinates of an input.
        seed: of the unknown frequencies (16, dim) and mixing of heaters (16, 8).
        noise: standard deviation of what a detector adds to a feature, fresh at every measurement.

    Attributes:
        presented: input vectors presented so far, by the chip's own count.
    """

    def __init__(self, dim: int = 3, seed: int = 0, noise: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._frequency = 0.5 * rng.standard_normal((N_FEATURES, dim))
        self._mixing = rng.standard_normal((N_FEATURES, N_HEATERS))
        self._noise, self._rng = noise, np.random.default_rng([seed, 1])
        self.n_controls = N_HEATERS + N_FEATURES + 1
        self.control_groups = {
            "heaters": ControlGroup(0, N_HEATERS, "phase", grid_step=2 * np.pi / 255),
            "readout": ControlGroup(N_HEATERS, self.n_controls - 1, "digital", scale=0.25),
            "offset": ControlGroup(self.n_controls - 1, self.n_controls, "digital"),
        }
        self.presented = 0

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """See `ForwardOracle`: (P, 25) and (B, dim) to (P, B, 1)."""
        return (self._features(controls, inputs) @ controls[:, 8:24, None]) + controls[:, None, 24:]

    def state(self) -> dict[str, Any]:
        """That of the noise."""
        return {"noise": self._rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self._rng.bit_generator.state = state["noise"]

    def _features(self, controls: Array, inputs: Inputs) -> Array:
        points = inputs.points() if isinstance(inputs, Stencil) else inputs
        self.presented += len(controls) * n_inputs(inputs)
        phase = controls[:, :N_HEATERS] @ self._mixing.T
        features = np.sin(points @ self._frequency.T + phase[:, None, :])
        if self._noise > 0:
            features += self._noise * self._rng.standard_normal(features.shape)
        return features


class ReadoutLabChip(LabChip):
    """A `LabChip` that shows its features, as a `ReadoutOracle` does."""

    readout_weight, readout_bias = slice(8, 24), slice(24, 25)

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """See `ReadoutOracle`: (P, 25) and (B, dim) to (P, B, 16)."""
        return self._features(controls, inputs)


class LastLayerLabChip:
    """Two layers of eight sines whose matrices mixers turn; a readout. It shows its last layer's readings.

    A layer multiplies with an unknown matrix, whose rows eight mixers rotate in pairs one after the other:
    the angle of a mixer is its setting and an unknown bias.

    Args:
        dim: coordinates of an input.
        seed: of what is unknown.
        noise: standard deviation of what a detector adds to a reading, fresh at every measurement.

    Attributes:
        presented: input vectors presented so far, to the chip or to a layer, by the chip's own count.
    """

    n_controls = 2 * (8 + 8) + 9
    readout_weight, readout_bias = slice(32, 40), slice(40, 41)
    largest_input = 1.0

    def __init__(self, dim: int = 3, seed: int = 0, noise: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._matrices = [0.5 * rng.standard_normal((8, n)) for n in (dim, 8)]
        self._bias_rad = rng.uniform(-1.0, 1.0, (2, 8))
        self._noise, self._rng = noise, np.random.default_rng([seed, 1])
        step = 2 * np.pi / 255
        self.control_groups = {
            "layer1/mixers": ControlGroup(0, 8, "phase", grid_step=step),
            "layer1/bias": ControlGroup(8, 16, "digital"),
            "layer2/mixers": ControlGroup(16, 24, "phase", grid_step=step),
            "layer2/bias": ControlGroup(24, 32, "digital"),
            "readout/weight": ControlGroup(32, 40, "digital", scale=0.35),
            "readout/bias": ControlGroup(40, 41, "digital"),
        }
        self.layers = tuple(
            LayerFormat((8,), (n,), (1, 1), "sin", slice(i + 8, i + 16), (CoreFormat(slice(i, i + 8)),))
            for i, n in ((0, dim), (16, 8))
        )
        self.presented = 0

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """See `ForwardOracle`: (P, 41) and (B, dim) to (P, B, 1)."""
        return self.measure_features(controls, inputs) @ controls[:, 32:40, None] + controls[:, None, 40:]

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """See `ReadoutOracle`: (P, 41) and (B, dim) to (P, B, 8)."""
        points = inputs.points() if isinstance(inputs, Stencil) else inputs
        self.presented += len(controls) * n_inputs(inputs)
        here = np.broadcast_to(points, (len(controls), *points.shape))
        for k, layer in enumerate(self.layers):
            here = np.sin(self._readings(k, controls, here) + controls[:, None, layer.bias])
        return here

    def measure_last_layer(self, controls: Array, inputs: Array) -> Array:
        """See `LastLayerOracle`: (P, 41) and (B, dim) to (P, B, 8)."""
        return self._passed(controls, inputs)[-1]

    def state(self) -> dict[str, Any]:
        """That of the noise."""
        return {"noise": self._rng.bit_generator.state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self._rng.bit_generator.state = state["noise"]

    def _passed(self, controls: Array, inputs: Array) -> list[Array]:
        self.presented += len(controls) * len(inputs)
        found, here = [], np.broadcast_to(inputs, (len(controls), *inputs.shape))
        for k, layer in enumerate(self.layers):
            found.append(self._readings(k, controls, here))
            here = np.sin(found[-1] + controls[:, None, layer.bias])
        return found

    def _readings(self, layer: int, controls: Array, inputs: Array) -> Array:
        own = self.layers[layer].cores[0].controls
        step = self.control_groups["layer1/mixers"].grid_step
        angles = step * np.round(controls[:, own] / step) + self._bias_rad[layer]
        matrix = np.repeat(self._matrices[layer][None], len(controls), axis=0)
        for k in range(8):
            a, b = k, (k + 1 + k % 3) % 8
            cos, sin = np.cos(angles[:, k, None]), np.sin(angles[:, k, None])
            first, second = matrix[:, a].copy(), matrix[:, b].copy()
            matrix[:, a], matrix[:, b] = cos * first - sin * second, sin * first + cos * second
        readings = inputs @ matrix.transpose(0, 2, 1)
        if self._noise > 0:
            readings += self._noise * self._rng.standard_normal(readings.shape)
        return readings


class LayeredLabChip(LastLayerLabChip):
    """A `LastLayerLabChip` every layer of which can be read by itself, as a `LayerOracle`'s can."""

    def measure_layer(self, layer: int, controls: Array, vectors: Array) -> Array:
        """See `LayerOracle`: (P, 41) and (B, n) to (P, B, 8)."""
        self.presented += len(controls) * len(vectors)
        return self._readings(layer, controls, np.broadcast_to(vectors, (len(controls), *vectors.shape)))

    def measure_layers(self, controls: Array, inputs: Array) -> list[Array]:
        """See `LayerOracle`: (P, 41) and (B, dim) to (P, B, 8), twice."""
        return self._passed(controls, inputs)

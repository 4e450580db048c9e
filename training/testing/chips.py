"""Chips in a laboratory, as far as training can tell: small systems that know nothing of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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

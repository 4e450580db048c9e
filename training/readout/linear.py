"""A digital linear readout behind measured features."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array, ReadoutOracle, readout_controls


class LinearReadout:
    """`Readout` of outputs ``features @ W^T + b``, less wanted ones.

    Args:
        features: what the detectors read of P candidates at B inputs, (P, B, n_features).
        n_outputs: number of outputs, c.
        wanted: what the outputs are compared with, (B, c); None for the outputs themselves.
    """

    def __init__(self, features: Array, n_outputs: int, wanted: Array | None = None) -> None:
        self._features, self._c = features, n_outputs
        self._wanted = 0.0 if wanted is None else wanted.ravel()

    def measured(self, controls: Array, oracle: ReadoutOracle) -> Array:
        """Residuals (P, B * c) of the candidates (P, n_controls) that the features were measured of."""
        readout = readout_controls(oracle)
        return np.concatenate([self.residuals(p, row[None, readout]) for p, row in enumerate(controls)])

    def residuals(self, p: int, readouts: Array) -> Array:
        """Residuals (Q, B * c) of candidate p with other readouts (Q, n_readout)."""
        features = self._features[p]
        n_weights = self._c * features.shape[1]
        weight = readouts[:, :n_weights].reshape(-1, features.shape[1])
        outputs = (features @ weight.T).reshape(len(features), -1, self._c).transpose(1, 0, 2)
        return (outputs + readouts[:, None, n_weights:]).reshape(len(readouts), -1) - self._wanted

    def columns(self, p: int, readout: Array) -> Array:
        """Derivative (B * c, n_readout) of candidate p's residuals by the readout, the same at any readout.

        That of output i at input b is feature f of that input by weight (i, f), and 1 by bias i.
        """
        features = self._features[p]
        n, width = features.shape
        columns = np.zeros((n, self._c, self._c * (width + 1)))
        for i in range(self._c):
            columns[:, i, i * width : (i + 1) * width] = features
            columns[:, i, self._c * width + i] = 1.0
        return columns.reshape(n * self._c, -1)

"""Least squares in the digital readout, whose exact columns cost no inference."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from training.oracle import Array


class ReadoutSolver:
    """Damped least squares in the readout, for one base and one batch.

    With columns A (R, n) in units of the controls' scales, divided so that A A^T has a mean diagonal
    of 1, and a metric D (n, n), it solves ``min |r + A w|^2 + mu w^T D w`` for several mu. The metric
    is ``I + memory``: what earlier batches said of directions of the readout keeps a new batch from
    bending them, as in recursive least squares.

    Args:
        columns: (R, n), exact derivatives of the residuals by the readout controls.
        scale: (n,), of the controls.
        memory: (n, n) information of earlier batches, in units of the scales.
    """

    def __init__(self, columns: Array, scale: Array, memory: Array) -> None:
        scaled = columns * scale
        # One divisor for all columns: the damping then means the same for any problem.
        self._divisor = float(np.sqrt((scaled**2).sum() / max(columns.shape[0], 1))) or 1.0
        self._scale = scale / self._divisor
        self._columns = scaled / self._divisor
        self._gram = self._columns.T @ self._columns
        self._metric = np.eye(scale.size) + memory / self._divisor**2
        self.information = self._gram * self._divisor**2

    def factor(self, damping: float) -> tuple[Array, bool]:
        """Cholesky factor of ``A^T A + mu D``."""
        # Rounding in a Gram matrix is eps times its largest entry: less damping than that is none.
        floor = 1e-13 * float(np.trace(self._gram))
        return linalg.cho_factor(self._gram + damping * self._metric + floor * np.eye(self._gram.shape[0]))

    def reduce(self, factor: tuple[Array, bool], columns: Array) -> Array:
        """What is left of columns (R, m) after the best damped answer of the readout, (R, m)."""
        return columns - self._columns @ linalg.cho_solve(factor, self._columns.T @ columns)

    def step(self, factor: tuple[Array, bool], residual: Array) -> Array:
        """The step of the readout controls (n,) that answers a residual (R,)."""
        return -linalg.cho_solve(factor, self._columns.T @ residual) * self._scale

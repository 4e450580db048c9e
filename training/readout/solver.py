"""Least squares in the digital readout, whose exact columns cost no inference."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from photonzero.training.oracle import Array


class ReadoutSolver:
    """Damped least squares in the readout, for one optical setting and one batch.

    With columns A (R, n) in units of the controls' scales, divided so that A A^T has a mean diagonal
    of 1, and a metric D (n, n), it solves ``min |r + A w|^2 + mu w^T D w``. The metric is ``I + memory``:
    what earlier batches said of directions of the readout keeps a new batch from bending them, as in
    recursive least squares.

    Args:
        columns: exact derivatives of R residuals by the n controls of the readout, (R, n).
        scale: typical sizes of changes of these controls, (n,).
        memory: what earlier batches said of the readout, in units of the scales, (n, n).
    """

    def __init__(self, columns: Array, scale: Array, memory: Array) -> None:
        scaled = columns * scale
        # One divisor for all columns: the damping then means the same for any problem.
        self._divisor = float(np.sqrt((scaled**2).sum() / max(columns.shape[0], 1))) or 1.0
        self._scale = scale / self._divisor
        self._columns = scaled / self._divisor
        self._gram = self._columns.T @ self._columns
        # Rounding in a Gram matrix is eps times its largest entry: less damping than that is none.
        self._gram[np.diag_indices(scale.size)] += 1e-13 * float(np.trace(self._gram))
        self._metric = memory / self._divisor**2
        self._metric[np.diag_indices(scale.size)] += 1.0

    @property
    def information(self) -> Array:
        """What this batch says of the readout, A^T A in units of the scales, (n, n)."""
        return self._gram * self._divisor**2

    def factor(self, damping: float) -> Array:
        """Lower Cholesky factor of ``A^T A + mu D``, (n, n)."""
        return linalg.cholesky(self._gram + damping * self._metric, lower=True, check_finite=False)

    def reduce(self, factor: Array, columns: Array) -> Array:
        """What is left of columns (R, m) after the best damped answer of the readout, (R, m)."""
        return columns - self._columns @ self._solve(factor, self._columns.T @ columns)

    def fitted(self, factor: Array, residual: Array) -> Array:
        """What is left of a residual (R,) after `step`, (R,)."""
        return residual + self._columns @ self._answer(factor, residual)

    def step(self, factor: Array, residual: Array) -> Array:
        """The step of the readout controls (n,) that answers a residual (R,)."""
        return self._answer(factor, residual) * self._scale

    def optimism(self, factor: Array, residual: Array) -> float:
        """How much the mean square on other points exceeds that of the fit's own points.

        By leaving one out, exact for damped linear least squares: the residual that row i would have
        had without being fitted is ``r_i / (1 - h_i)``, h the diagonal of the hat matrix.

        Args:
            factor: of the damping in force.
            residual: (R,) before the fit.
        """
        fitted = self.fitted(factor, residual)
        half = linalg.solve_triangular(factor, self._columns.T, lower=True, check_finite=False)
        left = np.maximum(1.0 - (half**2).sum(axis=0), 1e-6)
        return float(((fitted / left) ** 2).mean() - (fitted**2).mean())

    def _answer(self, factor: Array, residual: Array) -> Array:
        return -self._solve(factor, self._columns.T @ residual)

    def _solve(self, factor: Array, right: Array) -> Array:
        return linalg.cho_solve((factor, True), right, check_finite=False)

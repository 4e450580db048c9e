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

    Noise of the columns adds ``noise . w^2`` to the mean square whatever is measured: least squares would
    shrink a readout only to lower that. Up to the share of it that leaves the problem convex it is taken off.

    Args:
        columns: (R, n), exact derivatives of the residuals by the readout controls.
        scale: (n,), of the controls.
        memory: (n, n) information of earlier batches, in units of the scales.
        noise: (n,) variance that measuring adds to the entries of each column; zeros for none.
        start: (n,) readout that the residuals belong to.

    Attributes:
        noise: (n,) the part of it that is taken off.
    """

    def __init__(self, columns: Array, scale: Array, memory: Array, noise: Array, start: Array) -> None:
        scaled = columns * scale
        # One divisor for all columns: the damping then means the same for any problem.
        self._divisor = float(np.sqrt((scaled**2).sum() / max(columns.shape[0], 1))) or 1.0
        self._scale = scale / self._divisor
        self._columns = scaled / self._divisor
        self._gram = self._columns.T @ self._columns
        # Rounding in a Gram matrix is eps times its largest entry: less damping than that is none.
        self._gram[np.diag_indices(scale.size)] += 1e-13 * float(np.trace(self._gram))
        added = len(columns) * noise * self._scale**2
        share = _convex_share(self._gram, added)
        self.noise = share * noise
        self._gram[np.diag_indices(scale.size)] -= share * added
        self._start_slope = share * added * start / self._scale
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
        return -self._solve(factor, self._columns.T @ residual - self._start_slope)

    def _solve(self, factor: Array, right: Array) -> Array:
        return linalg.cho_solve((factor, True), right, check_finite=False)


def _convex_share(gram: Array, added: Array) -> float:
    """Largest s up to 1 with ``gram - s diag(added)`` safely positive definite."""
    if not added.any():
        return 0.0
    factor = linalg.cholesky(gram, lower=True, check_finite=False)
    half = linalg.solve_triangular(factor, np.diag(np.sqrt(added)), lower=True, check_finite=False)
    last = len(gram) - 1
    largest = float(linalg.eigvalsh(half.T @ half, subset_by_index=[last, last])[0])
    # A tenth is left: the estimates of both have errors of their own.
    return min(1.0, 0.9 / largest)

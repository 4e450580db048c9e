"""The digital readout, solved with a price on the noise that it passes on.

Large weights that cancel each other fit any batch, and amplify what detectors err by as much. A loss on
measured matrices does not see it: matrices are read many times, an answer of the chip once. So with the
residuals r and their derivatives A by the readout theta

    F = |r|^2 + theta^T (price C + nu s^2 I) theta

is minimised, C the noise of an output at the batch's points (`noise_gram`), s^2 the mean square of A's
columns. `price` says how many squared residuals a squared error of the solution is worth: the square of what
the PDE makes of the solution over the solution itself, both of the network's part on the batch,
``|A theta|^2 / |U theta|^2``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from photonzero.training.oracle import Array


@dataclass(frozen=True)
class ReadoutSolution:
    """A solved readout and what its problem looks like there.

    Attributes:
        readout: theta, (n,).
        value: F.
        residual: (R,) of the linear model.
        columns: A, (R, n).
        penalty: (n, n), ``price C + nu s^2 I``.
        factor: lower Cholesky factor of ``A^T A`` and the penalty.
    """

    readout: Array
    value: float
    residual: Array
    columns: Array
    penalty: Array
    factor: Array

    def at(self, residual: Array) -> ReadoutSolution:
        """The same with the residuals (R,) that formulas give, in place of the linear model's."""
        value = float(residual @ residual + self.readout @ self.penalty @ self.readout)
        return replace(self, residual=residual, value=value)


def solved_readout(
    residual: Array, columns: Array, start: Array, noise: Array, relative_damping: float
) -> ReadoutSolution:
    """The readout of least F, for residuals that are linear in it.

    Args:
        residual: (R,) at the readout `start`.
        columns: (R, n).
        start: (n,).
        noise: (n, n), `price C`.
        relative_damping: nu.
    """
    n = columns.shape[1]
    penalty = noise.copy()
    # A network without any effect, such as one behind a dark layer, still has a solution.
    mean_square = float((columns**2).sum()) / n or 1.0
    penalty[np.diag_indices(n)] += relative_damping * mean_square
    factor = linalg.cholesky(columns.T @ columns + penalty, lower=True)
    step = -linalg.cho_solve((factor, True), columns.T @ residual + penalty @ start)
    readout, left = start + step, residual + columns @ step
    return ReadoutSolution(
        readout, float(left @ left + readout @ penalty @ readout), left, columns, penalty, factor
    )


@dataclass(frozen=True)
class ReducedModel:
    """F near a setting, once the readout has answered every change: ``F + 2 b^T d + d^T H d``.

    Attributes:
        curvature: H, (P, P).
        slope: b, (P,).
    """

    curvature: Array
    slope: Array

    @property
    def size(self) -> float:
        """Mean diagonal of H; never 0."""
        return float(np.trace(self.curvature)) / len(self.slope) or 1.0

    def only(self, places: Array) -> ReducedModel:
        """With the other controls where they are."""
        return ReducedModel(self.curvature[np.ix_(places, places)], self.slope[places])


def with_noise_rows(solution: ReadoutSolution, rows: Array, relative_damping: float) -> ReadoutSolution:
    """The same readout, with the price of noise as rows of A in place of a form.

    How the price changes with a control has no simple form, but rows do: each is an output's change under
    one draw of the detectors' errors, with derivatives like those of any residual.

    Args:
        solution: solved with the form itself.
        rows: (S, n), ``rows^T rows`` near ``price C``.
        relative_damping: nu.
    """
    columns = np.concatenate([solution.columns, rows])
    residual = np.concatenate([solution.residual, rows @ solution.readout])
    n = columns.shape[1]
    mean_square = float((solution.columns**2).sum()) / n or 1.0
    penalty = relative_damping * mean_square * np.eye(n)
    factor = linalg.cholesky(columns.T @ columns + penalty, lower=True)
    return ReadoutSolution(solution.readout, solution.value, residual, columns, penalty, factor)


def reduced_model(solution: ReadoutSolution, jacobian: Array) -> ReducedModel:
    """Gauss-Newton with the readout projected out [golub1973].

    With ``M M^T = A^T A + penalty`` and ``Q = A M^-T``: ``H = J^T J - (Q^T J)^T (Q^T J)`` and ``b = J^T r``
    plus the same of what the readout has left to answer. The shortcuts (PJ)^T (PJ) and (PJ)^T r, which
    are right without a penalty, are wrong under a strong one.

    Args:
        solution: of the readout, its own rows of A and the penalty in its factor.
        jacobian: J, (R, P), of the residuals by the controls.
    """
    left = solution.residual
    through = linalg.solve_triangular(solution.factor, solution.columns.T @ jacobian, lower=True)
    unanswered = linalg.solve_triangular(
        solution.factor, solution.columns.T @ left + solution.penalty @ solution.readout, lower=True
    )
    return ReducedModel(
        jacobian.T @ jacobian - through.T @ through, jacobian.T @ left - through.T @ unanswered
    )


def operator_size(columns: Array, values: Array, readout: Array) -> float:
    """``|A theta|^2 / |U theta|^2``: the price of a squared error in squared residuals.

    Args:
        columns: A, (R, n), of the residuals by the readout.
        values: U, (N, n), of the solution by the readout, each row times sqrt(R / N) of the batch's share.
        readout: theta.
    """
    size = float(((values @ readout) ** 2).sum())
    return float(((columns @ readout) ** 2).sum()) / size if size > 0 else 0.0

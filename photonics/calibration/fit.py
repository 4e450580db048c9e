"""All errors of a layer at once, from readings at many settings, by Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from photonzero.photonics.calibration.model import LayerModel, PhaseErrors
from photonzero.photonics.calibration.surroundings import readings_by, surroundings
from photonzero.photonics.calibration.wiring import LayerWiring

FloatArray = npt.NDArray[np.float64]

_GAMMA_STD = 0.05
_COUPLING_STD = 0.05
"""What is believed before anything is read: gammas are 1 to some percent, neighbours receive some percent.
It only matters for what readings do not tell."""

_UNLIT = 1e-6
"""Information on a bias, over that on the best known one, below which no light reaches its cell."""

_SETTINGS_AT_ONCE = 16
_MAX_STEPS = 30
_CONVERGED = 1e-5
"""Relative decrease of what is minimised below which steps end."""

_SLOW = 0.05
"""The same for two steps in a row where the fit is far from the readings: a wrong valley."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What a layer answered.

    Attributes:
        phases_rad: (P, n) programmed phases of the layer [rad].
        vectors: (P, B, n_in) presented to each setting.
        readings: (P, B, n_out).
    """

    phases_rad: FloatArray
    vectors: FloatArray
    readings: FloatArray

    @property
    def n_inferences(self) -> int:
        """P B."""
        return self.readings.shape[0] * self.readings.shape[1]


@dataclass(frozen=True, eq=False)
class Fit:
    """Errors of a layer, and how well they are known.

    Attributes:
        errors: of its phases.
        chi2: squared residuals over the variance of a reading.
        n_readings: that they were fitted to.
        information: (2 n + 1, 2 n + 1) normal matrix over the variance of a reading; nothing believed before
            is in it.
    """

    errors: PhaseErrors
    chi2: float
    n_readings: int
    information: FloatArray

    @property
    def n_parameters(self) -> int:
        """That light reaches."""
        return 2 * int(self.lit.sum()) + 1

    @property
    def chi2_per_dof(self) -> float:
        """About 1 where the model holds."""
        return self.chi2 / (self.n_readings - self.n_parameters)

    @property
    def lit(self) -> npt.NDArray[np.bool_]:
        """(n,) phases that change any reading."""
        known = np.diag(self.information)[: len(self.errors.bias_rad)]
        return known > _UNLIT * known.max()

    @property
    def standard_errors(self) -> FloatArray:
        """(2 n + 1,) of biases, gammas and coupling; infinite for phases that no light reaches."""
        lit = np.concatenate([self.lit, self.lit, [True]])
        found = np.full(lit.size, np.inf)
        kept = np.ix_(lit, lit)
        belief = _prior(len(self.errors.bias_rad))[1][lit]
        found[lit] = np.sqrt(np.diag(np.linalg.inv(self.information[kept] + np.diag(belief))))
        return found


def _prior(n: int) -> tuple[FloatArray, FloatArray]:
    """Mean and inverse variance (2 n + 1,) of what is believed before; nothing of biases."""
    mean = np.concatenate([np.zeros(n), np.ones(n), [0.0]])
    inverse = np.concatenate([np.zeros(n), np.full(n, _GAMMA_STD**-2.0), [_COUPLING_STD**-2.0]])
    return mean, inverse


def fitted(
    wiring: LayerWiring,
    start: PhaseErrors,
    data: Sequence[Readings],
    variance: float,
    max_steps: int = _MAX_STEPS,
) -> Fit:
    """Errors that explain readings, from a start near them.

    Args:
        wiring: of the layer.
        start: errors to begin with.
        data: readings.
        variance: of one reading.
        max_steps: of Levenberg-Marquardt at most.
    """
    n = wiring.n_phases
    mean, inverse = _prior(n)
    vector = start.vector
    here = _normal(wiring, vector, data, variance)
    cost = here.chi2 + float((inverse * (vector - mean) ** 2).sum())
    n_readings = sum(own.readings.size for own in data)
    damping, slow = 1e-3, 0
    for _ in range(max_steps):
        matrix = here.matrix + np.diag(inverse)
        slope = here.slope + inverse * (mean - vector)
        scale = np.diag(matrix) + 1e-9 * np.diag(matrix).max()
        gained = 0.0
        for _ in range(8):
            factor = cho_factor(matrix + np.diag(damping * scale))
            step = cho_solve(factor, slope)
            there = _normal(wiring, vector + step, data, variance)
            new = there.chi2 + float((inverse * (vector + step - mean) ** 2).sum())
            if new < cost:
                gained = (cost - new) / cost
                vector, here, cost = vector + step, there, new
                damping = max(0.1 * damping, 1e-9)
                break
            damping *= 10.0
        slow = slow + 1 if gained < _SLOW and here.chi2 > 10.0 * n_readings else 0
        if gained < _CONVERGED or slow == 2:
            break
    return Fit(PhaseErrors.of_vector(vector), here.chi2, n_readings, here.matrix)


def squares(wiring: LayerWiring, errors: PhaseErrors, data: Sequence[Readings]) -> float:
    """Sum of the squares that errors leave of readings."""
    model, total = LayerModel(wiring, errors), 0.0
    for own in data:
        left = own.readings - own.vectors @ model.matrices(own.phases_rad).swapaxes(-1, -2)
        total += float((left**2).sum())
    return total


@dataclass(frozen=True, eq=False)
class _Normal:
    matrix: FloatArray
    slope: FloatArray
    chi2: float


def _normal(wiring: LayerWiring, vector: FloatArray, data: Sequence[Readings], variance: float) -> _Normal:
    """Normal matrix, slope and squares of the residuals, all over the variance."""
    n = wiring.n_phases
    model = LayerModel(wiring, PhaseErrors.of_vector(vector))
    gamma = model.errors.gamma
    spread = sparse.csr_array(sparse.eye_array(n) + model.errors.coupling * model.neighbours)
    matrix, slope, chi2 = np.zeros((2 * n + 1, 2 * n + 1)), np.zeros(2 * n + 1), 0.0
    for own in data:
        for start in range(0, len(own.phases_rad), _SETTINGS_AT_ONCE):
            some = slice(start, start + _SETTINGS_AT_ONCE)
            cores, tangents = model.cores_and_tangents(own.phases_rad[some])
            for p, phases in enumerate(own.phases_rad[some]):
                jacobian, residual = _by_phases(
                    wiring, [c[p] for c in cores], [t[p] for t in tangents],
                    own.vectors[start + p], own.readings[start + p],
                )  # fmt: skip
                by_x = jacobian.T @ jacobian
                slope_x = jacobian.T @ residual
                # x = spread (gamma p) + bias: by gamma spread diag(p), by coupling neighbours (gamma p).
                heated = model.neighbours @ (gamma * phases)
                by_spread = (spread.T @ by_x).T
                by_gamma = by_spread * phases
                matrix[:n, :n] += by_x
                matrix[:n, n:-1] += by_gamma
                matrix[n:-1, n:-1] += phases[:, None] * (spread.T @ by_gamma)
                mixed = by_x @ heated
                matrix[:n, -1] += mixed
                matrix[n:-1, -1] += phases * (spread.T @ mixed)
                matrix[-1, -1] += heated @ mixed
                slope[:n] += slope_x
                slope[n:-1] += phases * (spread.T @ slope_x)
                slope[-1] += heated @ slope_x
                chi2 += float(residual @ residual)
    matrix[n:-1, :n] = matrix[:n, n:-1].T
    matrix[-1, :-1] = matrix[:-1, -1]
    return _Normal(matrix / variance, slope / variance, chi2 / variance)


def _by_phases(
    wiring: LayerWiring,
    cores: Sequence[FloatArray],
    tangents: Sequence[FloatArray],
    vectors: FloatArray,
    readings: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Derivatives (B n_out, n) of one setting's readings by phases as light meets them, and residuals."""
    around = surroundings(cores, vectors)
    residual = readings - readings_by(around[0], cores[0][None])[0]
    jacobian = np.empty((wiring.n_phases, readings.size))
    for core, surrounding, own in zip(wiring.cores, around, tangents, strict=True):
        jacobian[core.places.ravel()] = readings_by(surrounding, own).reshape(len(own), -1)
    return jacobian.T, residual.ravel()

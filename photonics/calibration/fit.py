"""All errors of a layer at once, from readings at many settings, by Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

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
_COUPLER_STD = 0.1
"""What is believed before anything is read: gammas are 1 to some percent, neighbours receive some percent,
couplers err by some hundredths of a radian. It only matters for what readings do not tell."""

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
        information: normal matrix over the variance of a reading, of `PhaseErrors.vector`; nothing believed
            before is in it.
    """

    errors: PhaseErrors
    chi2: float
    n_readings: int
    information: FloatArray

    @property
    def n_parameters(self) -> int:
        """That light reaches."""
        return int(self._reached.sum())

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
    def _reached(self) -> npt.NDArray[np.bool_]:
        """Which of all errors belong to phases that change any reading."""
        rest = [self.lit] * (0 if self.errors.couplers_rad is None else 2)
        return np.concatenate([self.lit, self.lit, [True], *rest])

    @property
    def standard_errors(self) -> FloatArray:
        """Of `PhaseErrors.vector`; infinite for phases that no light reaches."""
        reached = self._reached
        found = np.full(reached.size, np.inf)
        belief = _prior(len(self.errors.bias_rad), reached.size)[1][reached]
        kept = self.information[np.ix_(reached, reached)] + np.diag(belief)
        found[reached] = np.sqrt(np.diag(np.linalg.inv(kept)))
        return found


def _prior(n: int, n_errors: int) -> tuple[FloatArray, FloatArray]:
    """Mean and inverse variance (n_errors,) of what is believed before; nothing of biases."""
    n_couplers = n_errors - 2 * n - 1
    mean = np.concatenate([np.zeros(n), np.ones(n), np.zeros(1 + n_couplers)])
    stds = np.concatenate([np.full(n, _GAMMA_STD), [_COUPLING_STD], np.full(n_couplers, _COUPLER_STD)])
    return mean, np.concatenate([np.zeros(n), stds**-2.0])


def fitted(
    wiring: LayerWiring,
    start: PhaseErrors,
    data: Sequence[Readings],
    variance: float,
    max_steps: int = _MAX_STEPS,
    belief: tuple[FloatArray, FloatArray] | None = None,
) -> Fit:
    """Errors that explain readings, from a start near them.

    Args:
        wiring: of the layer.
        start: errors to begin with.
        data: readings.
        variance: of one reading.
        max_steps: of Levenberg-Marquardt at most.
        belief: mean and inverse variance of `PhaseErrors.vector` before these readings; None knows no more
            than that gammas are about 1, and the like.
    """
    n = wiring.n_phases
    vector = start.vector
    mean, inverse = belief or _prior(n, len(vector))
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
            there = vector + step
            new = squares(wiring, PhaseErrors.of_vector(there, n), data) / variance
            new += float((inverse * (there - mean) ** 2).sum())
            if new < cost:
                gained = (cost - new) / cost
                vector, cost = there, new
                here = _normal(wiring, vector, data, variance)
                damping = max(0.1 * damping, 1e-9)
                break
            damping *= 10.0
        slow = slow + 1 if gained < _SLOW and here.chi2 > 10.0 * n_readings else 0
        if gained < _CONVERGED or slow == 2:
            break
    return Fit(PhaseErrors.of_vector(vector, n), here.chi2, n_readings, here.matrix)


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
    model = LayerModel(wiring, PhaseErrors.of_vector(vector, n))
    gamma = model.errors.gamma
    spread = sparse.csr_array(sparse.eye_array(n) + model.errors.coupling * model.neighbours)
    size = len(vector)
    matrix, slope, chi2 = np.zeros((size, size)), np.zeros(size), 0.0
    # Places of gammas, the coupling and couplers.
    g, k, c = slice(n, 2 * n), 2 * n, slice(2 * n + 1, size)
    for phases, jacobian, residual in _linearised(model, data):
        gram, whole_slope = jacobian @ jacobian.T, jacobian @ residual
        by_x, slope_x = gram[:n, :n], whole_slope[:n]
        # x = spread (gamma p) + bias: by gamma spread diag(p), by coupling neighbours (gamma p).
        heated = model.neighbours @ (gamma * phases)
        by_gamma = (spread.T @ by_x).T * phases
        matrix[:n, :n] += by_x
        matrix[:n, g] += by_gamma
        matrix[g, g] += phases[:, None] * (spread.T @ by_gamma)
        mixed = by_x @ heated
        matrix[:n, k] += mixed
        matrix[g, k] += phases * (spread.T @ mixed)
        matrix[k, k] += heated @ mixed
        slope[:n] += slope_x
        slope[g] += phases * (spread.T @ slope_x)
        slope[k] += heated @ slope_x
        if size > 2 * n + 1:
            across = gram[:n, n:]
            matrix[:n, c] += across
            matrix[g, c] += phases[:, None] * (spread.T @ across)
            matrix[k, c] += heated @ across
            matrix[c, c] += gram[n:, n:]
            slope[c] += whole_slope[n:]
        chi2 += float(residual @ residual)
    upper = np.triu(np.ones((3, 3), bool), 1)
    for i, j in zip(*np.nonzero(upper), strict=True):
        parts = (slice(0, n), slice(n, 2 * n), slice(2 * n, size))
        matrix[parts[j], parts[i]] = matrix[parts[i], parts[j]].T
    matrix[c, k] = matrix[k, c]
    return _Normal(matrix / variance, slope / variance, chi2 / variance)


def _linearised(
    model: LayerModel, data: Sequence[Readings]
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Setting by setting: its phases, derivatives (K n, B n_out) of its readings, and what is left of them.

    Derivatives are by phases as light meets them, and then by sums and differences of couplers if they err.
    """
    wiring = model.wiring
    n = wiring.n_phases
    for own in data:
        for start in range(0, len(own.phases_rad), _SETTINGS_AT_ONCE):
            some = slice(start, start + _SETTINGS_AT_ONCE)
            cores, tangents = model.cores_and_tangents(own.phases_rad[some])
            for p, phases in enumerate(own.phases_rad[some]):
                here = [core[p] for core in cores]
                around = surroundings(here, own.vectors[start + p])
                readings = own.readings[start + p]
                residual = readings - np.real(readings_by(around[0], here[0][None])[0])
                jacobian = np.empty((tangents[0].shape[1], n, readings.size))
                for core, surrounding, tangent in zip(wiring.cores, around, tangents, strict=True):
                    for kind, by in enumerate(tangent[p]):
                        changed = np.real(readings_by(surrounding, by))
                        jacobian[kind, core.places.ravel()] = changed.reshape(len(by), -1)
                yield phases, jacobian.reshape(-1, readings.size), residual.ravel()


def couplers_from(
    wiring: LayerWiring, errors: PhaseErrors, data: Sequence[Readings], rng: np.random.Generator
) -> PhaseErrors:
    """A first idea of errors of couplers, (2, n), phases being known about as well as they can be without.

    Readings do not change if all couplers of a layer err the other way, so that ideal couplers are a saddle
    of what is minimised, where its slope tells nothing. The saddle is left along its most negative
    curvature, which is found from slopes near it.

    Args:
        wiring: of the layer.
        errors: of its phases.
        data: readings.
        rng: draws where the search begins.
    """
    n = wiring.n_phases

    def curved(direction: FloatArray) -> FloatArray:
        tried = replace(errors, couplers_rad=_SMALL_RAD * direction.reshape(2, n))
        slope = np.zeros(2 * n)
        for _, jacobian, residual in _linearised(LayerModel(wiring, tried), data):
            slope -= jacobian[n:] @ residual
        return slope / _SMALL_RAD

    direction = _least(curved, rng.standard_normal(2 * n)).reshape(2, n)
    tried = [replace(errors, couplers_rad=size * np.sqrt(2 * n) * direction) for size in _SIZES_RAD]
    return min(tried, key=lambda own: squares(wiring, own, data))


def _least(apply: Callable[[FloatArray], FloatArray], start: FloatArray) -> FloatArray:
    """About the eigenvector of the least eigenvalue of a symmetric form, by Lanczos from a start."""
    basis: list[FloatArray] = [start / np.linalg.norm(start)]
    images: list[FloatArray] = []
    for _ in range(_LANCZOS_STEPS):
        images.append(apply(basis[-1]))
        rest = images[-1] - sum(own * (own @ images[-1]) for own in basis)
        # Twice is enough for orthogonality.
        rest = rest - sum(own * (own @ rest) for own in basis)
        length = float(np.linalg.norm(rest))
        if length == 0.0:
            break
        basis.append(rest / length)
    space = np.stack(basis[: len(images)])
    form = space @ np.stack(images).T
    least = np.linalg.eigh(0.5 * (form + form.T))[1][:, 0]
    return (least @ space).astype(np.float64)


_LANCZOS_STEPS = 16
_SMALL_RAD = 1e-3
_SIZES_RAD = (0.003, 0.005, 0.008, 0.012, 0.02, 0.03)
"""Steps from the saddle, root mean square of all couplers [rad]."""

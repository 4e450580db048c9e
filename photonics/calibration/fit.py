"""All errors of a layer at once, from readings at many settings, by Levenberg-Marquardt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from photonzero.photonics.calibration.linear import gram, slope
from photonzero.photonics.calibration.model import LayerModel, PhaseErrors
from photonzero.photonics.calibration.surroundings import passed, surroundings
from photonzero.photonics.calibration.wiring import LayerWiring

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[Any]
"""Real, or complex where couplers err."""

_GAMMA_STD = 0.05
_COUPLING_STD = 0.05
_UNEVEN_STD = 0.01
_COUPLER_STD = 0.1
_LOG_AMPLITUDE_STD = 0.05
"""What is believed before anything is read: gammas are 1 to some percent, neighbours receive some percent,
couplers err by some hundredths of a radian, cells lose some percent. It only matters for what readings do not
tell."""

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
        limit: they are cut off beyond it, either way.
    """

    phases_rad: FloatArray
    vectors: FloatArray
    readings: FloatArray
    limit: float = math.inf

    def left(self, predicted: FloatArray, which: int | slice = slice(None)) -> FloatArray:
        """What is left of some settings' readings; of those cut off, what is predicted to be less."""
        return self.readings[which] - np.clip(predicted, -self.limit, self.limit)

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

    @cached_property
    def n_parameters(self) -> float:
        """How many numbers readings tell, what is half believed and half told counting as half."""
        return float(np.einsum("ij,ji->", self._covariance, self._told))

    @property
    def chi2_per_dof(self) -> float:
        """About 1 where the model holds."""
        return self.chi2 / (self.n_readings - self.n_parameters)

    @property
    def lit(self) -> npt.NDArray[np.bool_]:
        """(n,) phases that change any reading."""
        known = np.diag(self.information)[: len(self.errors.bias_rad)]
        return known > _UNLIT * known.max()

    @cached_property
    def _reached(self) -> npt.NDArray[np.bool_]:
        """Which of all errors are not those of phases that no light reaches."""
        reached = np.ones(len(self.information), bool)
        reached[: 2 * self.lit.size] = np.tile(self.lit, 2)
        for name in ("couplers_rad", "log_amplitude"):
            own = getattr(self.errors, name)
            if own is not None:
                reached[self.errors.place(name)] = np.tile(self.lit, own.size // self.lit.size)
        return reached

    @property
    def _told(self) -> FloatArray:
        reached = self._reached
        return self.information[np.ix_(reached, reached)]

    @cached_property
    def _covariance(self) -> FloatArray:
        belief = believed(self.errors)[1][self._reached]
        return np.linalg.inv(self._told + np.diag(belief)).astype(np.float64)

    def explained_by_errors(self, information: FloatArray) -> float:
        """What errors of the fit add to chi^2 of other readings, whose `information` is given."""
        reached = self._reached
        return float(np.einsum("ij,ji->", self._covariance, information[np.ix_(reached, reached)]))

    @property
    def standard_errors(self) -> FloatArray:
        """Of `PhaseErrors.vector`; infinite for phases that no light reaches."""
        found = np.full(self._reached.size, np.inf)
        found[self._reached] = np.sqrt(np.diag(self._covariance))
        return found


def believed(errors: PhaseErrors) -> tuple[FloatArray, FloatArray]:
    """Mean and inverse variance of what is believed before of `PhaseErrors.vector`; nothing of biases."""
    n = len(errors.bias_rad)
    means = [np.zeros(n), np.where(errors.stuck, 0.0, 1.0), np.zeros(1)]
    stds = [np.full(n, np.inf), np.full(n, _GAMMA_STD), np.array([_COUPLING_STD])]
    for own, std in (
        (errors.uneven, _UNEVEN_STD), (errors.couplers_rad, _COUPLER_STD),
        (errors.log_amplitude, _LOG_AMPLITUDE_STD),
    ):  # fmt: skip
        if own is not None:
            means.append(np.zeros(own.size))
            stds.append(np.full(own.size, std))
    return np.concatenate(means), np.concatenate(stds) ** -2.0


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
    vector = start.vector
    mean, inverse = belief or believed(start)
    here = normal(wiring, start, data, variance)
    cost = here.chi2 + float((inverse * (vector - mean) ** 2).sum())
    n_readings = here.n_readings
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
            new = squares(wiring, start.with_vector(there), data) / variance
            new += float((inverse * (there - mean) ** 2).sum())
            if new < cost:
                gained = (cost - new) / cost
                vector, cost = there, new
                here = normal(wiring, start.with_vector(vector), data, variance)
                damping = max(0.1 * damping, 1e-9)
                break
            damping *= 10.0
        slow = slow + 1 if gained < _SLOW and here.chi2 > 10.0 * n_readings else 0
        if gained < _CONVERGED or slow == 2:
            break
    return Fit(start.with_vector(vector), here.chi2, n_readings, here.matrix)


def squares(wiring: LayerWiring, errors: PhaseErrors, data: Sequence[Readings]) -> float:
    """Sum of the squares that errors leave of readings."""
    model, total = LayerModel(wiring, errors), 0.0
    for own in data:
        total += float((own.left(model.readings(own.phases_rad, own.vectors)) ** 2).sum())
    return total


@dataclass(frozen=True, eq=False)
class Normal:
    """Normal matrix and slope (downward) of half of chi^2 by `PhaseErrors.vector`, at some errors.

    Attributes:
        matrix: (n_errors, n_errors).
        slope: (n_errors,).
        chi2: squares that errors leave, over the variance of a reading.
        n_readings: that is of.
    """

    matrix: FloatArray
    slope: FloatArray
    chi2: float
    n_readings: int


def normal(wiring: LayerWiring, errors: PhaseErrors, data: Sequence[Readings], variance: float) -> Normal:
    """What slopes of readings tell of errors.

    Args:
        wiring: of the layer.
        errors: where slopes are taken.
        data: readings.
        variance: of one reading.
    """
    n, model = wiring.n_phases, LayerModel(wiring, errors)
    size = len(errors.vector)
    # Of errors that set what phases light meets: those come first.
    n_phase = 2 * n + 1 + (0 if errors.uneven is None else errors.uneven.size)
    matrix, slopes, chi2, n_readings = np.zeros((size, size)), np.zeros(size), 0.0, 0
    for own in linearised(model, data):
        whole, by_error = gram(wiring, own.around, own.tangents), own.slope(wiring)
        rows = _by_phase_errors(model, own.phases_rad, whole[:n])
        matrix[:n_phase, :n_phase] += _by_phase_errors(model, own.phases_rad, rows[:, :n].T).T
        matrix[:n_phase, n_phase:] += rows[:, n:]
        matrix[n_phase:, n_phase:] += whole[n:, n:]
        slopes[:n_phase] += _by_phase_errors(model, own.phases_rad, by_error[:n, None])[:, 0]
        slopes[n_phase:] += by_error[n:]
        chi2 += float((own.residual**2).sum())
        n_readings += own.residual.size
    matrix[n_phase:, :n_phase] = matrix[:n_phase, n_phase:].T
    return Normal(matrix / variance, slopes / variance, chi2 / variance, n_readings)


def _by_phase_errors(model: LayerModel, phases_rad: FloatArray, by_x: FloatArray) -> FloatArray:
    """Derivatives by errors that set phases, at one setting, from those by what light meets, (n, any)."""
    errors, wiring = model.errors, model.wiring
    # x = spread (gamma p) + bias, spread = 1 + (coupling + uneven) of neighbours.
    heat = errors.gamma * phases_rad
    parts = [by_x, phases_rad[:, None] * (model.spread.T @ by_x), (model.neighbours @ heat)[None] @ by_x]
    if errors.uneven is not None:
        parts.append(heat[wiring.source, None] * by_x[wiring.receiver])
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Linearised:
    """Readings at one setting, as they follow errors.

    Attributes:
        phases_rad: (n,) programmed [rad].
        around: S of every core, see `surroundings`.
        tangents: of every block of every core, see `core_tangents`.
        residual: (B, n_out) what a model leaves of the readings.
    """

    phases_rad: FloatArray
    around: Sequence[FieldArray]
    tangents: Sequence[Sequence[FieldArray]]
    residual: FloatArray

    def slope(self, wiring: LayerWiring) -> FloatArray:
        """(K n,) by each error of a cell of half the squares that are left, downward."""
        return slope(wiring, self.around, self.tangents, self.residual)


def linearised(model: LayerModel, data: Sequence[Readings]) -> Iterator[Linearised]:
    """Setting by setting: what surrounds each core, what errors of cells change in it, what is left."""
    for own in data:
        for start in range(0, len(own.phases_rad), _SETTINGS_AT_ONCE):
            some = slice(start, start + _SETTINGS_AT_ONCE)
            cores, tangents = model.cores_and_tangents(own.phases_rad[some])
            for p, phases in enumerate(own.phases_rad[some]):
                here, vectors = [core[p] for core in cores], own.vectors[start + p]
                residual = own.left(np.real(passed(here, vectors)), start + p)
                parts = [[block[p] for block in core] for core in tangents]
                yield Linearised(phases, surroundings(here, vectors), parts, residual)

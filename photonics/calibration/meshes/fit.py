"""Least squares on the readings of a mesh, by conjugate gradients: its Jacobian is never written down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.coordinates import phases_of, slopes_of
from photonzero.photonics.calibration.meshes.model import MeshErrors, MeshModel, MeshReadings
from photonzero.photonics.calibration.meshes.propagation import Rays

FloatArray = npt.NDArray[np.float64]

_STEPS = 30
_CLOSE_ENOUGH = 1e-4
"""Relative fall of the squares below which a fit is over."""

_COUPLER_SCALE, _GAIN_SCALE = math.sqrt(0.5), math.sqrt(3.0) / math.pi
"""Light passes both arms of a coupler, and settings spread by half a turn over the root of three."""

_PRODUCTS, _RESIDUAL = 40, 0.03
"""Products with the normal matrix in one step at most, and the part of the slope that may be left."""


@dataclass(frozen=True, eq=False)
class MeshFit:
    """What was fitted.

    Attributes:
        errors: of the mesh.
        chi2: squares of the residuals over the variance of a reading.
        n_readings: real numbers that were read.
        n_parameters: that were fitted.
        steps: of the fit.
        gains: whether gammas and the coupling were fitted too.
    """

    errors: MeshErrors
    chi2: float
    n_readings: int
    n_parameters: int
    steps: int
    gains: bool

    @property
    def chi2_per_dof(self) -> float:
        """About 1 where the model holds."""
        return self.chi2 / max(self.n_readings - self.n_parameters, 1)


class Normal:
    """The normal equations of some errors, as products.

    A move is a vector of sums and differences of biases
    (`photonzero.photonics.calibration.meshes.coordinates`), couplers unless they
    are known, and with `gains` gammas and the coupling, one after the other. Gammas turn about half a turn,
    so that they leave biases alone.
    """

    def __init__(
        self, model: MeshModel, data: MeshReadings, gains: bool = False, couplers: bool = True
    ) -> None:
        self.model, self.data, self.gains = model, data, gains
        self.n_couplers = 2 * model.topology.n_mzi if couplers else 0
        self.rays: Rays = model.rays(data)
        self.powers = not np.iscomplexobj(data.readings)
        found = self.rays.fields
        self.left = (_squared(found) if self.powers else found) - data.readings
        self.squares = float(_squared(self.left).sum())
        self.about = data.phases_rad.T - math.pi

    @property
    def n_parameters(self) -> int:
        """Of the fit."""
        n = self.model.topology.n_shifters
        return (2 * n + 1 if self.gains else n) + self.n_couplers

    @property
    def n_readings(self) -> int:
        """Real numbers."""
        return self.left.size * (1 if self.powers else 2)

    def step(self, move: FloatArray) -> MeshErrors:
        """A move as a change of errors."""
        n, end = self.model.topology.n_shifters, self.model.topology.n_shifters + self.n_couplers
        bias = phases_of(self.model.topology, move[:n])
        couplers = np.zeros((2, self.model.topology.n_mzi))
        if self.n_couplers:
            couplers = _COUPLER_SCALE * move[n:end].reshape(couplers.shape)
        if not self.gains:
            return MeshErrors(bias, couplers, np.zeros(n))
        gamma, coupling = _GAIN_SCALE * move[end:-1], float(move[-1]) / math.sqrt(n)
        # What turns about half a turn is less at none.
        return MeshErrors(bias - math.pi * gamma, couplers, gamma, coupling)

    def tangent(self, move: FloatArray) -> npt.NDArray:
        """Changes (N, R) of readings."""
        step, errors, model = self.step(move), self.model.errors, self.model
        turned = np.broadcast_to(step.bias_rad[:, None], self.about.shape)
        if self.gains:
            programmed = self.data.phases_rad.T
            heat = step.gamma[:, None] * programmed
            turned = turned + heat + errors.coupling * (model.neighbours @ heat)
            turned = turned + step.coupling * (model.neighbours @ (errors.gamma[:, None] * programmed))
        changed = self.rays.tangent(turned[:, self.data.setting], step.couplers_rad)
        return 2.0 * np.real(self.rays.fields.conj() * changed) if self.powers else changed

    def pulled_back(self, weights: npt.NDArray) -> FloatArray:
        """Slope of the inner product with readings, by every part of a move."""
        model, errors = self.model, self.model.errors
        if self.powers:
            weights = 2.0 * weights * self.rays.fields
        by_phase, by_coupler = self.rays.pulled_back(weights)
        by_bias = by_phase.sum(axis=1)
        parts = [slopes_of(model.topology, by_bias)]
        if self.n_couplers:
            parts.append(_COUPLER_SCALE * by_coupler.ravel())
        if self.gains:
            by_setting = np.zeros((len(self.data.phases_rad), by_phase.shape[0]))
            np.add.at(by_setting, self.data.setting, by_phase.T)
            programmed = self.data.phases_rad.T
            by_heat = by_setting.T + errors.coupling * (model.neighbours.T @ by_setting.T)
            parts.append(_GAIN_SCALE * ((by_heat * programmed).sum(axis=1) - math.pi * by_bias))
            received = model.neighbours @ (errors.gamma[:, None] * programmed)
            parts.append(np.array([(by_setting.T * received).sum() / math.sqrt(by_bias.size)]))
        return np.concatenate(parts)


def fitted(
    model: MeshModel,
    data: MeshReadings,
    variance: float,
    *,
    gains: bool = False,
    couplers: bool = True,
    steps: int = _STEPS,
) -> MeshFit:
    """Errors that explain readings best, from errors nearby.

    Levenberg-Marquardt; each step by conjugate gradients with the diagonal taken out.

    Args:
        model: to begin with.
        data: what was read.
        variance: of a real number that was read.
        gains: fit gammas and the coupling too.
        couplers: fit couplers; False keeps those of the model.
        steps: that are tried at most.
    """
    normal = Normal(model, data, gains, couplers)
    damping, taken = 1e-3, 0
    for _ in range(steps):
        move = _solved(normal, damping * data.setting.size)
        moved = normal.model.errors.moved(normal.step(move))
        tried = Normal(MeshModel(model.topology, moved), data, gains, couplers)
        if not tried.squares < normal.squares:
            damping *= 10.0
            if damping > 1e3:
                break
            continue
        taken += 1
        fell = 1.0 - tried.squares / normal.squares
        normal, damping = tried, max(0.1 * damping, 1e-8)
        if fell < _CLOSE_ENOUGH:
            break
    return MeshFit(
        normal.model.errors, normal.squares / variance, normal.n_readings, normal.n_parameters, taken, gains
    )


def _solved(normal: Normal, damping: float) -> FloatArray:
    """Conjugate gradients for ``(J^T J + damping) move = -J^T left``."""
    left = -normal.pulled_back(normal.left)
    move, along = np.zeros_like(left), left
    size = begun = float(left @ left)
    for _ in range(_PRODUCTS):
        product = normal.pulled_back(normal.tangent(along)) + damping * along
        length = size / float(along @ product)
        move = move + length * along
        left = left - length * product
        before, size = size, float(left @ left)
        if size <= _RESIDUAL**2 * begun:
            break
        along = left + size / before * along
    return move


def _squared(values: npt.NDArray) -> FloatArray:
    return np.real(values) ** 2 + np.imag(values) ** 2

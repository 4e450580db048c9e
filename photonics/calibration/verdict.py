"""Whether noise explains what a fit leaves, of a layer as of a mesh, and phases as a DAC can make them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from photonzero.photonics.calibration.fit import Fit
    from photonzero.photonics.calibration.meshes.fit import MeshFit

FloatArray = npt.NDArray[np.float64]

SINGLE_PRECISION = 2.0**-21
"""Relative error that readings have at least."""


def chi2_std(n_repeats: int, fit: Fit | MeshFit) -> float:
    """Standard deviation of chi^2 a degree of freedom where a model holds.

    Args:
        n_repeats: differences of equal readings that the noise was estimated from.
        fit: of the model.
    """
    return math.sqrt(2.0 / (fit.n_readings - fit.n_parameters) + 2.0 / n_repeats)


def explains(n_repeats: int, fit: Fit | MeshFit) -> bool:
    """Whether noise explains what a fit leaves, within three standard deviations; see `chi2_std`."""
    return fit.chi2_per_dof <= 1.0 + 3.0 * chi2_std(n_repeats, fit)


def explains_unseen(chi2: float, expected: float, n_unseen: int, n_repeats: int) -> bool:
    """Whether chi^2 of readings that nothing was fitted to is as it should be, or NaN: not measured."""
    spread = math.sqrt(2.0 / max(n_unseen, 1) + 2.0 / n_repeats)
    return not chi2 > expected * (1.0 + 4.0 * spread)


def on_grid(phases_rad: FloatArray, step_rad: float) -> FloatArray:
    """The nearest phases in [0, 2 pi) that a DAC can make, any for a step of 0 [rad]; a whole turn is 0."""
    if not step_rad:
        return np.mod(phases_rad, 2.0 * math.pi)
    return np.mod(np.round(phases_rad / step_rad), round(2.0 * math.pi / step_rad)) * step_rad

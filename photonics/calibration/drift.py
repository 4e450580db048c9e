"""A layer that was calibrated and has drifted since: brought up to date from a handful of readings.

Gammas and crosstalk stay what they were; biases have moved by some unknown distance. A handful of readings
does not determine them all by itself, but together with where they were it does: each is believed to be
within the drift of its old value, and the size of the drift is what the first residuals ask for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from photonzero.photonics.calibration.fit import Readings, fitted
from photonzero.photonics.calibration.model import LayerModel
from photonzero.photonics.calibration.reader import Reader, random_readings
from photonzero.photonics.calibration.wiring import LayerAccess
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]

_ROUNDS = 3
"""Estimates of the drift at most, each from the biases that the one before led to."""

_MAX_STEPS = 10
"""Of a fit: drift that takes more is too far for it."""

_SETTLED = 1.5
"""Factor between two estimates of the drift, either way, below which the fit would not change."""


@dataclass(frozen=True, eq=False)
class FollowedLayer:
    """A layer after it was brought up to date.

    Attributes:
        model: with its biases of now.
        standard_errors: of `PhaseErrors.vector`; infinite where nothing is known.
        drift_rad: root mean square of what biases have moved by, as far as readings tell.
        chi2_before: of the readings a degree of freedom, with the errors of before.
        chi2_per_dof: with those of now, about 1 where nothing but biases has changed.
        n_dof: readings less what was fitted to them.
    """

    model: LayerModel
    standard_errors: FloatArray
    drift_rad: float
    chi2_before: float
    chi2_per_dof: float
    n_dof: float

    @property
    def fits(self) -> bool:
        """Whether noise explains readings within three standard deviations, and some are left to tell."""
        return self.n_dof >= 1.0 and self.chi2_per_dof <= 1.0 + 3.0 * math.sqrt(2.0 / self.n_dof)


def follow_layer(
    chip: LayerAccess,
    model: LayerModel,
    standard_errors: FloatArray,
    reading_std: float,
    n_inferences: int,
    rng: np.random.Generator,
    at_rad: FloatArray | None = None,
) -> FollowedLayer:
    """Biases of a layer as they are now, from a few vectors of +-1, each at a setting of its own.

    Args:
        chip: to be read.
        model: of the layer, as it was.
        standard_errors: of `PhaseErrors.vector` then; infinite where nothing is known.
        reading_std: of one reading.
        n_inferences: vectors to present.
        rng: draws vectors and settings.
        at_rad: (n,) phases that stay programmed, such as those in use: nothing is programmed then, and only
            what matters there is learnt [rad]. None draws a setting for every vector.

    Raises:
        PhotonicsError: no readings, or readings of another shape.
    """
    if n_inferences < 1:
        raise PhotonicsError(f"readings: {n_inferences}; allowed: >= 1")
    reader = Reader(chip, model.wiring)
    if at_rad is None:
        data = random_readings(reader, n_inferences, 1, rng)
    else:
        vectors = rng.choice([-1.0, 1.0], (1, n_inferences, model.wiring.layer.n_in))
        data = Readings(at_rad[None], vectors, reader.read(at_rad[None], vectors[0]))
    return followed(model, standard_errors, reading_std, [data])


def followed(
    model: LayerModel, standard_errors: FloatArray, reading_std: float, data: Sequence[Readings]
) -> FollowedLayer:
    """Biases of a layer as they are now, from readings; see `follow_layer`."""
    wiring, before, variance = model.wiring, model.errors, reading_std**2
    n, old = wiring.n_phases, before.vector
    known = np.isfinite(standard_errors)
    drifts = np.arange(old.size) < n
    seen = fitted(wiring, before, data, variance, max_steps=0)
    # Residuals are the noise of the readings, the drift and what was never known, each through its slopes.
    slopes = np.diag(seen.information)
    expected = seen.n_readings + float(slopes[known] @ standard_errors[known] ** 2)
    total = float(slopes[drifts & known].sum())
    drift_variance = max(seen.chi2 - expected, 0.0) / total if total > 0.0 else 0.0
    fit, posterior = seen, np.zeros_like(seen.information)
    for _ in range(_ROUNDS):
        spread = np.where(known, standard_errors, 1.0) ** 2 + drift_variance * drifts
        # What light does not reach stays where it is.
        inverse = np.where(known, 1.0 / spread, 1.0)
        fit = fitted(wiring, fit.errors, data, variance, _MAX_STEPS, (old, inverse))
        posterior = cho_solve(cho_factor(fit.information + np.diag(inverse)), np.eye(old.size))
        moved = (fit.errors.vector - old) ** 2 + np.diag(posterior) - standard_errors**2
        estimate = max(float(moved[drifts & known].mean()), 0.0)
        settled = estimate < _SETTLED**2 * drift_variance and drift_variance < _SETTLED**2 * estimate
        drift_variance, last = estimate, drift_variance
        if settled or max(estimate, last) == 0.0:
            break
    # Of every reading, the part that the fit did not follow.
    n_dof = seen.n_readings - float(np.einsum("ij,ji->", fit.information, posterior))
    stds = np.where(known, np.sqrt(np.diag(posterior)), np.inf)
    return FollowedLayer(
        LayerModel(wiring, fit.errors), stds, math.sqrt(drift_variance),
        seen.chi2 / seen.n_readings, fit.chi2 / n_dof, n_dof,
    )  # fmt: skip

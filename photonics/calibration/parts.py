"""What else a chip may err by than its phases: parts that are let go one after the other.

Losses and uneven crosstalk are asked for by the slopes of the readings: how much of what is left each would
explain, and the one that explains most goes first. Couplers make no slope where they are ideal, and come
last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from photonzero.photonics.calibration.fit import (
    Fit,
    Readings,
    believed,
    fitted,
    linearised,
    normal,
    squares,
)
from photonzero.photonics.calibration.linear import gram
from photonzero.photonics.calibration.model import LayerModel, PhaseErrors
from photonzero.photonics.calibration.wiring import LayerWiring

FloatArray = npt.NDArray[np.float64]

_SLOPED = ("log_amplitude", "uneven")
"""Parts of `PhaseErrors` that readings follow to first order."""

_TELLING = 2.0
"""What an unknown explains of the squares, over what one does that has nothing to do with them, above which
its part is let go: the mean of some hundred such unknowns differs from 1 by a tenth."""

_LARGE = 0.4
"""Part of what noise leaves that it must explain while couplers have not been tried: to second order they
look like losses."""

_MOST_PAIRS = 3000
"""Pairs of neighbours that are told apart: the normal matrix of more takes gigabytes."""

_ROUNDS = 4
"""As many as there are parts, and one for what one of them left unsaid."""

_LANCZOS_STEPS = 24
_SMALL_RAD = 1e-3
_SIZES_RAD = (0.003, 0.005, 0.008, 0.012, 0.02, 0.03)
"""Steps from the saddle, root mean square of all couplers [rad]."""


def completed(
    wiring: LayerWiring,
    fit: Fit,
    data: Sequence[Readings],
    variance: float,
    explains: Callable[[Fit], bool],
    rng: np.random.Generator,
) -> Fit:
    """A fit with as many parts as it takes to explain the readings, or as there are.

    Args:
        wiring: of the layer.
        fit: of its phases, about right.
        data: readings.
        variance: of one reading.
        explains: whether noise explains what a fit leaves.
        rng: draws where the search for couplers begins.
    """
    for _ in range(_ROUNDS):
        if explains(fit):
            break
        missing = [name for name in _SLOPED if getattr(fit.errors, name) is None]
        telling = {name: told_by(name, wiring, fit, data, variance) for name in missing}
        best = max(telling, key=lambda name: telling[name][1], default="")
        without_couplers = fit.errors.couplers_rad is None
        enough = _LARGE * (fit.chi2 - fit.n_readings) if without_couplers else 0.0
        if best and telling[best][0] > _TELLING and telling[best][1] > enough:
            start = with_part(best, wiring, fit.errors)
        elif without_couplers:
            start = couplers_from(wiring, fit.errors, data, rng)
        else:
            break
        fit = min(fit, fitted(wiring, start, data, variance), key=lambda fit: fit.chi2)
    return fit


def with_part(name: str, wiring: LayerWiring, errors: PhaseErrors) -> PhaseErrors:
    """Errors with one more part of `_SLOPED`, all zeros."""
    size = wiring.receiver.size if name == "uneven" else wiring.n_phases
    return replace(errors, **{name: np.zeros(size)})


def told_by(
    name: str, wiring: LayerWiring, fit: Fit, data: Sequence[Readings], variance: float
) -> tuple[float, float]:
    """What a part would explain of chi^2: by unknown, over what any unknown would, and in all.

    Args:
        name: of the part, which the fit has not.
        wiring: of the layer.
        fit: without it.
        data: readings.
        variance: of one reading.
    """
    errors = with_part(name, wiring, fit.errors)
    own = errors.place(name)
    if own.stop - own.start > _MOST_PAIRS and name == "uneven":
        return 0.0, 0.0
    here = normal(wiring, errors, data, variance)
    mean, inverse = believed(errors)
    matrix, slope = here.matrix + np.diag(inverse), here.slope + inverse * (mean - errors.vector)
    # What no light reaches is not told by anything.
    matrix += 1e-9 * np.diag(matrix).max() * np.eye(len(matrix))
    rest = np.delete(np.arange(len(slope)), own)
    explained = float(slope @ cho_solve(cho_factor(matrix), slope))
    explained -= float(slope[rest] @ cho_solve(cho_factor(matrix[np.ix_(rest, rest)]), slope[rest]))
    by_unknown = explained / (own.stop - own.start)
    return by_unknown * here.n_readings / here.chi2, explained


def worst_phase(wiring: LayerWiring, fit: Fit, data: Sequence[Readings]) -> tuple[int, float]:
    """The phase whose errors from setting to setting would explain most of what is left, and how much.

    That is the mean over settings of what one more unknown explains, over what an unrelated one would:
    about 1 where the phase is as the model says.

    Args:
        wiring: of the layer.
        fit: of its errors.
        data: readings.
    """
    model, n = LayerModel(wiring, fit.errors), wiring.n_phases
    explained, left, n_readings = np.zeros(n), 0.0, 0
    for own in linearised(model, data):
        known = np.diag(gram(wiring, own.around, own.tangents))[:n]
        lit = known > 1e-6 * known.max()
        explained[lit] += own.slope(wiring)[:n][lit] ** 2 / known[lit]
        left += float((own.residual**2).sum())
        n_readings += own.residual.size
    worst = int(np.argmax(explained))
    n_settings = sum(len(own.phases_rad) for own in data)
    return worst, float(explained[worst] / n_settings * n_readings / left)


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
        parts = linearised(LayerModel(wiring, tried), data)
        return -sum((own.slope(wiring)[n : 3 * n] for own in parts), np.zeros(2 * n)) / _SMALL_RAD

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

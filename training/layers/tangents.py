"""What one control does to its core, from readings of the layer with that control turned up and down.

Readings along a control that acts as an angle are ``a + b cos x + c sin x``, so differences of large turns
give the slope exactly, ``(Y(x + q) - Y(x - q)) / (2 sin q)``, with some 40 times the signal of one code of an
8-bit DAC. Where the DAC ends, three settings on the free side do: 0, q and 2 q.

A control moves one core, and the layer is linear in that core: its change follows by least squares from the
readings of a few random vectors, separately for every row index of the core. Rows of a Hadamard
matrix must not be used for this: they are Kronecker products, and leave most of a core undetermined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photonzero.training.layers.oracle import Response
from photonzero.training.layers.tensor_train import states
from photonzero.training.oracle import Array

_CUT = 1e-6
"""Singular values below this share of the largest say nothing."""

_SHORT = 0.125
"""Length of a turn of a control that is no angle, over that of a phase."""

_DRAWS = 8
_LARGEST_AMPLIFICATION = 3.0
_OVER_ALL_INPUTS = 1.5
"""Draws of probe vectors to choose from, and the noise of an entry over that of a perfect design above which
another vector is worth its inferences; also over that of all inputs one by one, which no draw outdoes where a
core's surroundings are uneven."""


@dataclass(frozen=True)
class Probes:
    """Turns of controls, two a control, and how the readings combine to slopes.

    Attributes:
        settings: (2 P, n_controls), two of every control one after the other.
        weights: (P, 3), of the readings at the base and at the two settings.
    """

    settings: Array
    weights: Array

    def slopes(self, base: Array, readings: Array) -> Array:
        """Derivatives (P, B, m) by the controls from readings (B, m) and (2 P, B, m)."""
        pairs = readings.reshape(len(self.weights), 2, *base.shape)
        own, first, second = self.weights.T[:, :, None, None]
        return own * base + first * pairs[:, 0] + second * pairs[:, 1]

    def variances(self, variance: float) -> Array:
        """Of the slopes, (P,), from that of one reading; what is known of the base errs much less."""
        return variance * (self.weights[:, 1:] ** 2).sum(axis=1)


def length_of_turn(turn: float, response: Response) -> float:
    """How far to turn a control where a phase is turned by some angle."""
    # A chord of something that is no sinusoid must be short.
    return turn * (_SHORT if response == "smooth" else 1.0)


def turned(
    controls: Array, places: Array, turn: float, low: float, high: float, response: Response
) -> Probes:
    """Settings with one control after the other turned up and down, within what a driver can set.

    Args:
        controls: (n_controls,) to stand at.
        places: (P,) the controls.
        turn: q.
        low: end of the range of the drivers.
        high: the other end, more than 2 q away.
        response: how readings depend on a control.
    """
    settings = np.repeat(controls[None], 2 * len(places), axis=0)
    weights = np.empty((len(places), 3))
    for k, place in enumerate(places):
        x = controls[place]
        if x - turn >= low and x + turn <= high:
            steps, weights[k] = (turn, -turn), _two_sided(turn, response)
        else:
            side = 1.0 if x - turn < low else -1.0
            steps, weights[k] = (side * turn, 2 * side * turn), side * _one_sided(turn, response)
        settings[2 * k, place] += steps[0]
        settings[2 * k + 1, place] += steps[1]
    return Probes(settings, weights)


def probe_vectors(cores: Sequence[Array], rng: np.random.Generator, noise: float = 0.0) -> Array:
    """Random vectors of +-1, (B, n), as few as determine every core's change; the best of some draws.

    Args:
        cores: of the layer.
        rng: draws them.
        noise: of a probe over what a change reads. Directions of a core's change that show less than this
            share of what the strongest shows are not asked for: `core_changes` leaves them out.
    """
    cut = min(max(_CUT, noise), 0.5)
    n = math.prod(core.shape[2] for core in cores)
    # What all inputs one by one would tell.
    designs = [_design(cores, k, np.eye(n)) for k in range(len(cores))]
    ranks = [int(np.linalg.matrix_rank(own, rtol=cut)) for own in designs]
    allowed = [
        max(_LARGEST_AMPLIFICATION, _OVER_ALL_INPUTS * _amplification(own, rank))
        for own, rank in zip(designs, ranks, strict=True)
    ]
    for n_vectors in range(1, 2 * n + 1):
        draws = [rng.choice([-1.0, 1.0], (n_vectors, n)) for _ in range(_DRAWS)]
        worst = [
            max(_amplification(_design(cores, k, own), rank) / allowed[k] for k, rank in enumerate(ranks))
            for own in draws
        ]
        best = int(np.argmin(worst))
        if worst[best] < 1.0:
            return draws[best]
    return np.eye(n)


def _amplification(design: Array, rank: int) -> float:
    """Noise of a core's entry over that from evenly spread readings; infinite where one is lost."""
    values = np.linalg.svd(design, compute_uv=False)[:rank]
    if len(values) < rank or values[-1] <= _CUT * values[0]:
        return math.inf
    return float(np.sqrt((values**2).mean() * (values**-2.0).mean()))


def _two_sided(q: float, response: Response) -> Array:
    slope = 0.5 / (math.sin(q) if response == "sinusoid" else q)
    return np.array([0.0, slope, -slope])


def _one_sided(q: float, response: Response) -> Array:
    """Of values at 0, q, 2 q; exact for sinusoids and for parabolas."""
    if response == "smooth":
        return np.array([-1.5, 2.0, -0.5]) / q
    # f(q) - f(0) and f(2 q) - f(0) are rows of (sin, cos - 1) times (slope, value).
    rows = np.array([[math.sin(k * q), math.cos(k * q) - 1.0] for k in (1, 2)])
    first, second = np.linalg.inv(rows)[0]
    return np.array([-first - second, first, second])


def core_changes(
    cores: Sequence[Array], k: int, vectors: Array, changes: Array, variances: Array | float = 0.0
) -> Array:
    """The change of core k behind changes of a layer's readings, (P, core size), by least squares.

    With noise a ridge: entries of a control's change are taken as drawn alike, with the variance that its own
    readings show beyond their noise. So what a reading hardly shows stays small, and a control
    without effect has none.

    Args:
        cores: of the layer, where it stands.
        k: the core that moved.
        vectors: (B, n) inputs that were presented.
        changes: (P, B, m) of the readings.
        variances: (P,) of a number in `changes`.
    """
    r, m, n, s = cores[k].shape
    n_before = math.prod(core.shape[1] for core in cores[:k])
    design = _design(cores, k, vectors)
    of_readings = changes.reshape(len(changes), len(vectors), n_before, m, -1)
    # (P m) right sides for one matrix: rows run over vectors and the other row indices.
    right = of_readings.transpose(0, 3, 1, 2, 4).reshape(len(changes) * m, -1)
    left, values, across = np.linalg.svd(design, full_matrices=False)
    known = values > _CUT * values[0]
    left, values, across = left[:, known], values[known], across[known]
    ridge = _ridge(changes, (values**2).sum() / len(design), np.broadcast_to(variances, len(changes)))
    inverse = values / (values**2 + ridge[:, None])
    solved = ((right @ left).reshape(len(changes), m, -1) * inverse[:, None]) @ across
    return solved.reshape(len(changes), m, r, n, s).transpose(0, 2, 1, 3, 4).reshape(len(changes), -1)


def _ridge(changes: Array, row_size: float, variances: Array) -> Array:
    """Variance of noise over that of a core's entries, (P,); `row_size`: mean square of a design's rows."""
    seen = (changes**2).mean(axis=(1, 2))
    # Never less than what the mean square of the noise itself errs by.
    error = math.sqrt(2.0 / changes[0].size) * variances
    signal = np.maximum(seen - variances, error) / row_size
    return np.divide(variances, signal, out=np.zeros_like(signal), where=variances > 0)


def core_designs(cores: Sequence[Array], vectors: Array) -> list[Array]:
    """Readings by the entries of each core in one of its rows: (B m_<k m_>k, r_{k-1} n_k r_k)."""
    met = states(cores, vectors)
    return [_design_at(cores, k, own) for k, own in enumerate(met)]


def _design(cores: Sequence[Array], k: int, vectors: Array) -> Array:
    return _design_at(cores, k, states(cores, vectors)[k])


def _design_at(cores: Sequence[Array], k: int, state: Array) -> Array:
    r, _, n, s = cores[k].shape
    return _environment(cores[:k], state, (n, s)).reshape(-1, r * n * s)


def _environment(cores: Sequence[Array], state: Array, shape: tuple[int, int]) -> Array:
    """Readings by the entries of a core for one of its rows: (B, i_<k, i_>k, r, n, s).

    Args:
        cores: those before it.
        state: (B, n_<k, n_k r_k, m_>k) what meets it.
        shape: n_k and r_k.
    """
    left = np.ones((1, 1, 1))
    for core in cores:
        grown = np.einsum("MNr,rmns->MmNns", left, core)
        left = grown.reshape(grown.shape[0] * grown.shape[1], -1, core.shape[3])
    n_vectors, _, _, n_after = state.shape
    moved = np.einsum("iLr,bLqt->bitrq", left, state, optimize=True)
    return moved.reshape(n_vectors, left.shape[0], n_after, left.shape[2], *shape)

"""Following a chip by what its layers read while batches pass: cores, and what every control does to them.

A layer's matrix need not be read again after each step. Where its controls moved a little, its cores moved
by about ``sum_p D_p dx_p``, and the readings of the batch itself say what is left. What the cores did beyond
the prediction says in turn how D has changed: a Kalman filter [kalman1960] on its columns, in which every
move makes all of them less certain, and a step, or a probe of one control, more. All entries of a core share
one covariance, and how fast it grows is learnt from what probes find against what was expected of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from photonzero.training.layers.tangents import core_designs
from photonzero.training.layers.tensor_train import applied
from photonzero.training.oracle import Array

_RELATIVE_RIDGE = 1e-7
"""Of the mean of a diagonal: what hardly any input meets stays as predicted."""

_ITERATIONS = 8
"""Of conjugate gradients; the cores are then known far better than the next step moves them."""

_LEAST_VARIANCE = 1e-6
"""Of a probe, over the mean square of what it finds."""

_LEARNING, _LARGEST_CORRECTION, _GROWTHS = 0.03, 2.0, (0.01, 5.0)
"""Share of a correction of the growth that is believed at once, the largest, and the bounds of the growth."""

Cores = list[Array]


@dataclass
class Sensitivity:
    """What each control of a core does to it.

    Attributes:
        slopes: (P, core size).
        covariance: (P, P) of their errors, the same for every entry.
        growth: variance that a squared radian of moves adds to every column, over the mean square of all.
    """

    slopes: Array
    covariance: Array
    growth: float = 1.0

    @classmethod
    def of(cls, n: int, places: Array, slopes: Array, variance: float) -> Sensitivity:
        """Of n controls some just measured, with errors of some variance; the others never move."""
        known = np.zeros((n, slopes.shape[1]))
        known[places] = slopes
        floor = _LEAST_VARIANCE * float((known**2).mean())
        return cls(known, (variance + floor) * np.eye(n))

    def change(self, moved: Array) -> Array:
        """Of the core, flat, for moves (P,) of its controls."""
        return moved @ self.slopes

    def spread(self, moved: Array) -> float:
        """Variance of an entry of the core after such moves: of its columns, and of their second order."""
        return float(moved @ self.covariance @ moved) + self._second_order(moved)

    def learn(self, moved: Array, beyond: Array, variance: float) -> None:
        """From what the core did beyond `change`, known to a variance."""
        square = float(moved @ moved)
        if square == 0.0:
            return
        self.covariance[np.diag_indices_from(self.covariance)] += self.growth * self._size * square
        gain = self.covariance @ moved
        spread = float(moved @ gain) + self._second_order(moved) + variance
        self.slopes += np.outer(gain / spread, beyond)
        self.covariance -= np.outer(gain, gain) / spread

    def observe(self, places: Array, slopes: Array, variance: float) -> None:
        """Columns that were probed."""
        if not places.size:
            return
        error = variance + _LEAST_VARIANCE * self._size
        expected = float(np.diag(self.covariance)[places].mean()) + error
        seen = float(((slopes - self.slopes[places]) ** 2).mean())
        correction = np.clip(seen / expected, 1.0 / _LARGEST_CORRECTION, _LARGEST_CORRECTION)
        self.growth = float(np.clip(self.growth * correction**_LEARNING, *_GROWTHS))
        for place, slope in zip(places, slopes, strict=True):
            gain = self.covariance[:, place].copy()
            spread = gain[place] + error
            self.slopes += np.outer(gain / spread, slope - self.slopes[place])
            self.covariance -= np.outer(gain, gain) / spread

    def least_known(self, moving: Array, every: int, step: int) -> Array:
        """Places of the controls whose columns are the least certain.

        Args:
            moving: (P,) whether a control may move.
            every: steps in which as many are taken as move.
            step: number of this one, from 0 on.
        """
        places = np.flatnonzero(moving)
        n = (step + 1) * places.size // every - step * places.size // every
        least = np.argsort(-np.diag(self.covariance)[places], kind="stable")[:n]
        return np.sort(places[least])

    def regauged(self, shape: tuple[int, ...], before: Array, behind: Array) -> None:
        """Follow a core of some shape to another gauge: its ranks multiplied from both sides."""
        columns = self.slopes.reshape(-1, *shape)
        self.slopes = np.einsum("ar,prmns,sb->pamnb", before, columns, behind, optimize=True).reshape(
            self.slopes.shape
        )

    @property
    def _size(self) -> float:
        return float((self.slopes**2).mean())

    def _second_order(self, moved: Array) -> float:
        # A column changes by about itself a radian: half a move of that is left out.
        return 0.25 * self._size * float(moved @ moved) ** 2


def tracked(
    cores: Sequence[Array], spreads: Sequence[float], inputs: Array, readings: Array, variance: float
) -> tuple[Cores, list[float]]:
    """The likeliest cores behind readings, and the variance that their entries are known to.

    ``|readings - W inputs|^2 / variance + sum over cores of |core - predicted|^2 / spread``, linearised at
    the prediction, is minimised over all cores at once, by conjugate gradients with one core beside the
    other as the preconditioner: what readings cannot tell apart is shared out as the spreads have it. It
    takes 2 N E^2 operations a core, for N readings in rows of E entries, and 4 N E an iteration.

    Args:
        cores: as predicted.
        spreads: variance of an entry of each.
        inputs: (B, n) that the layer was presented.
        readings: (B, m).
        variance: of a reading.
    """
    parts = [
        _Part(cores, k, design, spread, variance)
        for k, (design, spread) in enumerate(zip(core_designs(cores, inputs), spreads, strict=True))
    ]
    missing = readings - applied(cores, inputs)
    residual = [part.back(missing) for part in parts]
    found = [np.zeros_like(own) for own in residual]
    direction, before = found, math.inf
    for _ in range(_ITERATIONS):
        solved = [part.solved(own) for part, own in zip(parts, residual, strict=True)]
        product = _dot(residual, solved)
        if product <= 0.0:
            break
        direction = [new + product / before * own for new, own in zip(solved, direction, strict=True)]
        shown = np.sum([part.forth(own) for part, own in zip(parts, direction, strict=True)], axis=0)
        curved = [part.back(shown) + variance * own for part, own in zip(parts, direction, strict=True)]
        length, before = product / _dot(direction, curved), product
        found = [own + length * new for own, new in zip(found, direction, strict=True)]
        residual = [own - length * new for own, new in zip(residual, curved, strict=True)]
    moved = [core + part.core(own) for core, part, own in zip(cores, parts, found, strict=True)]
    return moved, [part.variance for part in parts]


def in_gauge(cores: Sequence[Array], sensitivities: Sequence[Sensitivity]) -> Cores:
    """The same layer with orthonormal cores, all but the last, near those given; sensitivities follow.

    Cores are only known up to matrices between them. Left alone these drift, with what they
    multiply, until one core has all the size.
    """
    found, before = [], np.eye(1)
    for k, (core, own) in enumerate(zip(cores, sensitivities, strict=True)):
        here = np.einsum("ar,rmns->amns", before, core)
        rank = core.shape[3]
        if k + 1 < len(cores):
            # The polar decomposition: of all orthonormal ones the nearest.
            left, values, right = np.linalg.svd(here.reshape(-1, rank), full_matrices=False)
            after, behind = (right.T * values) @ right, (right.T / values) @ right
            here = (left @ right).reshape(here.shape)
        else:
            after = behind = np.eye(1)
        own.regauged(core.shape, before, behind)
        found.append(here)
        before = after
    return found


class _Part:
    """One core in a batch of readings; its unknowns are in units of the root of its spread.

    Args:
        cores: of the layer.
        k: number of the core.
        design: readings by its entries, see `core_designs`.
        spread: variance of an entry.
        variance: of a reading.
    """

    def __init__(self, cores: Sequence[Array], k: int, design: Array, spread: float, variance: float) -> None:
        self._shape, self._size = cores[k].shape, math.sqrt(spread)
        self._design = self._size * design
        n_before = math.prod(core.shape[1] for core in cores[:k])
        n_after = math.prod(core.shape[1] for core in cores[k + 1 :])
        self._rows = (-1, n_before, n_after, self._shape[1])
        gram = self._design.T @ self._design
        mean = float(np.trace(gram)) / len(gram)
        gram[np.diag_indices_from(gram)] += variance + _RELATIVE_RIDGE * mean
        self._factor = linalg.cho_factor(gram, check_finite=False) if spread > 0 else None
        self.variance = spread * variance / (variance + mean) if spread > 0 else 0.0

    def solved(self, right: Array) -> Array:
        """The unknowns alone, from a right side (E, m_k)."""
        if self._factor is None:
            return np.zeros_like(right)
        return linalg.cho_solve(self._factor, right, check_finite=False)

    def forth(self, unknowns: Array) -> Array:
        """Readings (B, m)."""
        rows = (self._design @ unknowns).reshape(self._rows).transpose(0, 1, 3, 2)
        return rows.reshape(len(rows), -1)

    def back(self, readings: Array) -> Array:
        """The adjoint of `forth`."""
        _, n_before, n_after, m = self._rows
        rows = readings.reshape(-1, n_before, m, n_after).transpose(0, 1, 3, 2)
        return self._design.T @ rows.reshape(-1, m)

    def core(self, unknowns: Array) -> Array:
        """The change of the core."""
        r, m, n, s = self._shape
        return self._size * unknowns.reshape(r, n, s, m).transpose(0, 3, 1, 2)


def _dot(one: Sequence[Array], other: Sequence[Array]) -> float:
    return sum(float((a * b).sum()) for a, b in zip(one, other, strict=True))

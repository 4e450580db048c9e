"""Questions to single layers, and what their answers say: matrices, how phases change them, and the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.oracle import LayerFormat, LayerReading
from photonzero.training.layers.tangents import (
    Probes,
    core_changes,
    length_of_turn,
    probe_vectors,
    turned,
)
from photonzero.training.layers.tensor_train import tt_cores, tt_matrix
from photonzero.training.layers.weighing import (
    entry_noise,
    maybe_cut_off,
    reading_variance,
    shared_repeats,
    weighed,
    weighing_design,
)
from photonzero.training.oracle import Array

_PHASES_OF_A_READING = 10.0
"""Readings' mean square over that of their change by one phase, about."""

_CONTRADICTION = 5.0
"""By how many times their noise readings may depart from the stated format: what ranks leave out of noise
has at most twice its size for every core."""

_ROUNDING = 1e-5
"""The same for readings without noise, over their size: what single precision rounds."""

Cores = list[Array]


class LayerReader:
    """Asks layers one by one, and knows what was presented to them last.

    Args:
        formats: of the layers.
        by_core: places of each core's controls that are trained, layer by layer.
        grid: (n_controls,) distance of neighbouring settings, 0 for none.
        largest_input: of the modulators.
        turn_rad: how far a phase is turned to be probed [rad].

    Attributes:
        sizes: of the vectors that a layer is weighed and probed with, (layers,).
        variances: of one reading of every layer, (layers,).
    """

    def __init__(
        self,
        formats: Sequence[LayerFormat],
        by_core: Sequence[Sequence[Array]],
        grid: Array,
        largest_input: float,
        turn_rad: float,
    ) -> None:
        self._formats, self._by_core, self._grid, self._turn_rad = formats, by_core, grid, turn_rad
        self.sizes = np.full(len(formats), min(1.0, largest_input))
        self.variances = np.zeros(len(formats))
        self._vectors: list[Array] = []
        self._probes: list[tuple[Array, Probes]] = []

    def weighings(
        self, settings: Sequence[Array], repeats: int, which: Sequence[int], rng: np.random.Generator
    ) -> list[LayerReading]:
        """The matrices of some layers at some settings."""
        shared = shared_repeats([self._formats[k].n_in for k in which], repeats)
        self._vectors = [
            weighing_design(self._formats[k].n_in, times, self.sizes[k], rng)
            for k, times in zip(which, shared, strict=True)
        ]
        return [
            LayerReading(k, np.stack(settings), vectors)
            for k, vectors in zip(which, self._vectors, strict=True)
        ]

    def identified(
        self,
        known: Sequence[Cores],
        readings: Sequence[Array],
        which: Sequence[int],
        memory: float = 0.0,
    ) -> list[list[Cores]]:
        """Cores of all layers for each setting, from weighings of some; the noise is learnt on the way.

        Args:
            known: cores of all layers; none yet where every layer was weighed.
            readings: of those layers, (P, B, m).
            which: their numbers.
            memory: weight of the noise that is known already.

        Raises:
            ArgumentError: readings that contradict the format of their layer.
        """
        found = [list(known) or [[]] * len(self._formats) for _ in range(len(readings[0]))]
        for k, answer, vectors in zip(which, readings, self._vectors, strict=True):
            layer, numbers = self._formats[k], answer.astype(np.float64)
            matrices = weighed(numbers, vectors)
            if len(vectors) >= 2 * layer.n_in:
                seen = reading_variance(numbers, vectors, matrices)
                self.variances[k] = memory * self.variances[k] + (1.0 - memory) * seen
            entry_std = entry_noise(self.variances[k], vectors)
            for own, matrix in zip(found, matrices, strict=True):
                own[k] = tt_cores(matrix, layer.out_modes, layer.in_modes, layer.ranks, entry_std)
                _require_format(k, matrix, own[k], entry_std)
        return found

    def entry_variance(self, which: Sequence[int]) -> Array:
        """Of an entry of the matrices of some layers, as they were weighed last, (layers,)."""
        own = zip(which, self._vectors, strict=True)
        return np.array([entry_noise(self.variances[k], vectors) ** 2 for k, vectors in own])

    def within_range(self, readings: Sequence[Array], which: Sequence[int]) -> Array:
        """Settings (P,) none of whose readings (P, B, m) was cut off; layers that did get smaller vectors."""
        good = np.ones(len(readings[0]), dtype=bool)
        for k, answer in zip(which, readings, strict=True):
            beyond = maybe_cut_off(answer, self._formats[k].full_scale).any(axis=(1, 2))
            if beyond.any():
                self.sizes[k] /= 2.0
            good &= ~beyond
        return good

    def turns(
        self, controls: Array, cores: Sequence[Cores], which: Sequence[int], rng: np.random.Generator
    ) -> list[LayerReading]:
        """Every phase of some layers that is trained turned both ways."""
        self._probes, found = [], []
        for k in which:
            vectors = self.sizes[k] * probe_vectors(cores[k], rng, self._probe_noise(k, cores[k]))
            own = []
            for core, places in zip(self._formats[k].cores, self._by_core[k], strict=True):
                step = float(self._grid[places].max(initial=0.0))
                turn = length_of_turn(self._turn_rad, core.response)
                turn = step * max(1.0, round(turn / step)) if step > 0 else turn
                own.append(turned(controls, places, turn, core.low, core.high, core.response))
            probes = Probes(
                np.concatenate([p.settings for p in own]), np.concatenate([p.weights for p in own])
            )
            self._probes.append((vectors, probes))
            found.append(LayerReading(k, probes.settings, vectors))
        return found

    def changes(
        self, cores: Sequence[Cores], readings: Sequence[Array], which: Sequence[int]
    ) -> list[list[Array]]:
        """What every phase does to its core, from the readings of `turns`: (P, core size) of every core."""
        changes = [[np.zeros((0, core.size)) for core in own] for own in cores]
        for k, (vectors, probes), answer in zip(which, self._probes, readings, strict=True):
            slopes = probes.slopes(vectors @ tt_matrix(cores[k]).T, answer.astype(np.float64))
            variances = probes.variances(self.variances[k])
            ends = np.cumsum([places.size for places in self._by_core[k]])[:-1]
            parts = zip(np.split(slopes, ends), np.split(variances, ends), strict=True)
            changes[k] = [
                core_changes(cores[k], c, vectors, part, noise) for c, (part, noise) in enumerate(parts)
            ]
        return changes

    def _probe_noise(self, k: int, cores: Cores) -> float:
        """Noise of a slope over what one phase changes of readings, about."""
        mean_square = (tt_matrix(cores) ** 2).sum() / self._formats[k].n_out * self.sizes[k] ** 2
        return math.sqrt(_PHASES_OF_A_READING * self.variances[k] / mean_square) if mean_square > 0 else 0.0


def _require_format(k: int, matrix: Array, cores: Cores, entry_std: float) -> None:
    """That a layer is what its format says.

    Raises:
        ArgumentError: its matrix has more than the cores by far more than the noise of its entries.
    """
    left = math.sqrt(((matrix - tt_matrix(cores)) ** 2).mean())
    allowed = _CONTRADICTION * len(cores) * entry_std + _ROUNDING * math.sqrt((matrix**2).mean())
    if left > allowed:
        raise ArgumentError(
            f"layer {k + 1}: entries {left:.2g} off any tensor train of the stated format; allowed: up to "
            f"{allowed:.2g}, by a noise of {entry_std:.2g} (ranks or modes misstated, or the chip changes "
            "while it is read)"
        )

"""What repeated measurements of one setting say of a chip's noise, and what follows for the next ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from photonzero.training.oracle import Array


class NoiseFloor:
    """The variance of residuals, from pairs of measurements of the same setting at the same points.

    The difference of two measurements is noise alone, of twice the variance of one. From it follow
    how far a perturbation has to go to be seen, and when a batch is too small.

    A chip whose two answers are equal to the last bit has no noise to estimate; it need not be asked again.

    Attributes:
        residual: variance of a residual, 0 until a pair differs.
        stretch: how many times their own size perturbations should be.
        batch_factor: how many times their own size batches should be.
    """

    # Measured with each halved and doubled (the decay 0.35 and 0.85) on `LabChip(noise=0.01)`, hjb2, 6e5
    # inferences, ten seeds: median errors from 0.091 to 0.158; these have 0.091, quartiles 0.066 and 0.130.
    _DECAY = 0.7
    """Weight of the variance so far when another pair is seen."""
    _SIGNAL = 3.0
    """How many times its noise a measured difference should be."""
    _LARGEST_STRETCH = 16.0
    """Largest factor of a perturbation: a phase of 0.02 rad then moves by 0.3 rad, still nearly linear."""
    _DOMINATES = 0.25
    """Share of the noise in a loss above which more points help more than more steps."""
    _PATIENCE = 4
    """Steps without progress after which a batch is too small."""

    def __init__(self) -> None:
        self._n_pairs = 0
        self.residual = 0.0
        self.stretch = 1.0
        self.batch_factor = 1
        self._lowest, self._since = np.inf, 0

    @property
    def is_noisy(self) -> bool:
        """Whether two measurements of one setting ever differed."""
        return self.residual > 0

    def observe(self, first: Array, second: Array) -> None:
        """Learn from the residuals (R,) of a pair of measurements."""
        old = self._DECAY if self._n_pairs else 0.0
        self.residual = old * self.residual + (1 - old) * 0.5 * float(((first - second) ** 2).mean())
        self._n_pairs += 1

    def match_perturbations(self, differences: Array) -> None:
        """Choose how much longer the next perturbations are, from the differences (K, R) of the last ones.

        They are stretched until what they change is three times the noise of a difference, and never shrink
        below their own size: whole codes of the DAC.
        """
        if not self.is_noisy or not len(differences):
            return
        of_difference = 2.0 * self.residual
        seen = float(np.median((differences**2).mean(axis=1))) - of_difference
        wanted = self._SIGNAL * np.sqrt(of_difference / max(seen, 1e-3 * of_difference))
        self.stretch = float(np.clip(self.stretch * np.clip(wanted, 0.5, 2.0), 1.0, self._LARGEST_STRETCH))

    def match_batch(self, loss: float, largest_factor: int) -> None:
        """Double the batch once noise dominates the loss and steps no longer lower it by a twentieth."""
        if loss < 0.95 * self._lowest:
            self._lowest, self._since = loss, 0
        else:
            self._since += 1
        if self._since >= self._PATIENCE and self.residual > self._DOMINATES * loss:
            self.batch_factor = min(2 * self.batch_factor, largest_factor)
            self._lowest, self._since = loss, 0

    def state(self) -> dict[str, Array]:
        """Everything above."""
        numbers = (self._n_pairs, self.residual, self.stretch, self.batch_factor, self._lowest, self._since)
        return {"noise": np.array(numbers, dtype=float)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        pairs, residual, stretch, factor, lowest, since = (float(value) for value in state["noise"])
        self._n_pairs, self.residual, self.stretch = int(pairs), residual, stretch
        self.batch_factor, self._lowest, self._since = int(factor), lowest, int(since)

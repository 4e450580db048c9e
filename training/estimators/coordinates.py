"""Gradients coordinate by coordinate, and the hybrid of the source paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from photonzero.training.estimators.base import GradientEstimator, Memoryless, Probes
from photonzero.training.oracle import Array


class CoordinateWise(Memoryless):
    """A block of coordinates after the other, each by a difference of its own.

    No variance of its own; entries outside the block are 0. Central differences have no bias on a quadratic,
    and a whole gradient takes 2 n losses; one-sided ones take n + 1, and are off by half the curvature.

    Args:
        n: number of controls.
        n_coordinates: number of coordinates of a step; n takes all of them.
        seed: of the order of coordinates.
        antithetic: take central differences, else one-sided ones.
    """

    def __init__(self, n: int, n_coordinates: int, seed: int, antithetic: bool = True) -> None:
        self._n, self._block, self._seed = n, min(n_coordinates, n), seed
        self._antithetic = antithetic

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """The next block of an order that is drawn anew in every cycle."""
        cycle, index = divmod(step, -(-self._n // self._block))
        # The last block of a cycle is filled up from its start: all blocks cost the same.
        place = (index * self._block + np.arange(self._block)) % self._n
        chosen = np.random.default_rng([self._seed, cycle]).permutation(self._n)[place]
        directions = np.zeros((self._block, self._n))
        directions[np.arange(self._block), chosen] = 1.0

        def gradient(losses: Array) -> Array:
            estimate = np.zeros(self._n)
            if self._antithetic:
                estimate[chosen] = (losses[: self._block] - losses[self._block :]) / 2.0
            else:
                estimate[chosen] = losses[1:] - losses[0]
            return estimate

        if self._antithetic:
            return Probes(np.vstack([directions, -directions]), gradient)
        return Probes(np.vstack([np.zeros(self._n), directions]), gradient)


class Hybrid:
    """Random directions first; coordinate-wise when they no longer make progress [zhao2023tonn].

    Random directions find the way from afar with few losses; near a minimum their variance, of the size
    of the whole gradient, hides the single entries, which coordinates show exactly. Progress is judged by the
    smoothed loss of the probes: no new low by `tolerance` within `patience` steps is a stall.

    Args:
        first: used until the stall.
        then: used from there on.
        patience: steps without a new low.
        tolerance: relative; smaller gains are none.
    """

    def __init__(
        self, first: GradientEstimator, then: GradientEstimator, patience: int, tolerance: float
    ) -> None:
        self._parts = (first, then)
        self._patience, self._tolerance = patience, tolerance
        self._smooth, self._lowest, self._since, self._stalled = np.nan, np.inf, 0, False

    @property
    def stalled(self) -> bool:
        """Whether the second estimator is in use."""
        return self._stalled

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """Those of the estimator in use."""
        return self._parts[int(self._stalled)].probes(step, rng)

    def learn(self, loss: float, gradient: Array) -> None:
        """Watch for the stall."""
        self._parts[int(self._stalled)].learn(loss, gradient)
        self._smooth = loss if np.isnan(self._smooth) else 0.9 * self._smooth + 0.1 * loss
        if self._smooth < (1 - self._tolerance) * self._lowest:
            self._lowest, self._since = self._smooth, 0
        else:
            self._since += 1
        self._stalled = self._stalled or self._since >= self._patience

    def state(self) -> dict[str, Array]:
        """Progress so far, and the states of both."""
        watched = np.array([self._smooth, self._lowest, self._since, self._stalled], dtype=float)
        parts = {f"{k}/{key}": v for k, part in enumerate(self._parts) for key, v in part.state().items()}
        return {"hybrid": watched, **parts}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        smooth, lowest, since, stalled = state["hybrid"]
        self._smooth, self._lowest = float(smooth), float(lowest)
        self._since, self._stalled = int(since), bool(stalled)
        for k, part in enumerate(self._parts):
            prefix = f"{k}/"
            part.restore({key[2:]: v for key, v in state.items() if key.startswith(prefix)})

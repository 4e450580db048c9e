"""What a gradient estimator is: settings to measure, and what their losses say of the gradient.

Everything here is in units of the perturbation sizes: control i moves by ``offset_i * size_i``, and the
gradient's entry i is ``size_i dL/dx_i``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from photonzero.training.oracle import Array


@dataclass(frozen=True)
class Probes:
    """Settings to measure around where an optimizer stands.

    Attributes:
        offsets: (Q, n), in units of the perturbation sizes.
        gradient: from their losses (Q,) to the estimate (n,).
    """

    offsets: Array
    gradient: Callable[[Array], Array]


class GradientEstimator(Protocol):
    """A way to estimate a gradient from losses."""

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """What to measure in a step."""
        ...

    def learn(self, loss: float, gradient: Array) -> None:
        """What came of it: the mean loss of the probes, and the estimate (n,)."""
        ...

    def state(self) -> dict[str, Array]:
        """What later probes depend on besides step and generator."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        ...


class Memoryless:
    """The part of an estimator that learns nothing."""

    def learn(self, loss: float, gradient: Array) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Array]:
        """Nothing to keep."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Nothing to continue from."""


def directional_probes(directions: Array, antithetic: bool) -> Probes:
    """Probes of directions z_k (K, n) with ``E z z^T = 1``.

    Antithetic, 2 K losses: ``g = mean_k z_k (L(z_k) - L(-z_k)) / 2``, without bias on a quadratic.
    One-sided, K + 1 losses: ``g = mean_k z_k (L(z_k) - L(0))``, whose bias on a quadratic with Hessian H,
    ``E z (z^T H z) / 2``, vanishes for symmetric distributions, but not its contribution to the variance.
    """
    n_directions = len(directions)
    if antithetic:
        return Probes(
            np.vstack([directions, -directions]),
            lambda losses: (losses[:n_directions] - losses[n_directions:]) @ directions / (2 * n_directions),
        )
    return Probes(
        np.vstack([np.zeros(directions.shape[1]), directions]),
        lambda losses: (losses[1:] - losses[0]) @ directions / n_directions,
    )

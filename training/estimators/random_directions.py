"""Gradients from random directions.

With ``g = mean_k z_k (z_k . grad)``, z of unit covariance, the variance of entry i on a quadratic is, for
antithetic pairs,

    ((|grad|^2 - grad_i^2) + (kurtosis - 1) grad_i^2) / K,

kurtosis E z_i^4 = 1 (Rademacher: the least), 3 (Gaussian), 3 n / (n + 2) (sphere of radius sqrt(n), whose
factor before the first term is n / (n + 2) too). The number of controls enters through |grad|^2: what
tensor compression makes small [spall1992, liu2020].
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.estimators.base import Memoryless, Probes, directional_probes
from photonzero.training.oracle import Array
from photonzero.training.sobol import sobol_normals

Distribution = Literal["rademacher", "gaussian", "sphere", "sobol"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("rademacher", "gaussian", "sphere", "sobol")


def draw_directions(distribution: Distribution, k: int, n: int, rng: np.random.Generator) -> Array:
    """K directions (K, n) with zero mean and unit covariance.

    Args:
        distribution: "rademacher", entries of plus and minus 1; "gaussian"; "sphere", of length sqrt(n);
            "sobol", a scrambled Sobol sequence turned Gaussian: directions that avoid each other.
        k: number of directions.
        n: number of controls.
        rng: generator of the draw.

    Raises:
        ArgumentError: an unknown distribution, or more controls than Sobol sequences have dimensions.
    """
    if distribution == "rademacher":
        return 2.0 * rng.integers(0, 2, (k, n)) - 1.0
    if distribution == "gaussian":
        return rng.standard_normal((k, n))
    if distribution == "sphere":
        z = rng.standard_normal((k, n))
        return z * np.sqrt(n) / np.linalg.norm(z, axis=1, keepdims=True)
    if distribution == "sobol":
        return sobol_normals(k, n, rng)
    raise ArgumentError(f"distribution: {distribution!r}; allowed: {', '.join(DISTRIBUTIONS)}")


class RandomDirections(Memoryless):
    """K random directions of all controls.

    Args:
        n: number of controls.
        n_directions: K, number of directions.
        distribution: of the directions, see `draw_directions`.
        antithetic: measure pairs, 2 K losses, else K + 1.
    """

    def __init__(self, n: int, n_directions: int, distribution: Distribution, antithetic: bool) -> None:
        self._n, self._k = n, n_directions
        self._distribution: Distribution = distribution
        self._antithetic = antithetic

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """Fresh directions."""
        return directional_probes(
            draw_directions(self._distribution, self._k, self._n, rng), self._antithetic
        )

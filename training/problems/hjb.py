"""The linear-terminal Hamilton-Jacobi-Bellman equation of the published benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.errors import ArgumentError
from training.oracle import Array
from training.problems.base import Derivatives
from training.stencils import DerivativeRequest


@dataclass(frozen=True)
class HJB:
    """``u_t + lap u - 0.05 |grad u|^2 = -2`` with ``u(x, 1) = sum x_i`` on [0, 1]^n x [0, 1].

    Zhao et al. 2023 [zhao2023tonn], n = 20. Exact: ``u = sum x_i + 1 - t`` at n = 20, in general
    ``u = sum x_i + (2 - 0.05 n) (1 - t)``. The terminal condition is built into the ansatz
    ``u = sum x_i + (1 - t) network``, so the exact network output is a constant: an easy target.

    Points are (x_1 .. x_n, t). The domain is open: the equation holds beyond it with the same
    solution, and stencils may reach outside.

    Attributes:
        n_space: n.
    """

    n_space: int = 20

    def __post_init__(self) -> None:
        if self.n_space < 1:
            raise ArgumentError(f"n_space: {self.n_space}; allowed: >= 1")

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return f"hjb{self.n_space}"

    @property
    def dim(self) -> int:
        """Space and time."""
        return self.n_space + 1

    @property
    def request(self) -> DerivativeRequest:
        """The Laplacian runs over space alone."""
        return DerivativeRequest(laplacian=tuple(range(self.n_space)))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Uniform in the unit cube, (n, d)."""
        return rng.random((n, self.dim))

    def solution(self, points: Array, network: Array) -> Array:
        """``sum x_i + (1 - t) network``."""
        return points[..., :-1].sum(axis=-1) + (1.0 - points[..., -1]) * network[..., 0]

    def residual(self, points: Array, u: Derivatives) -> Array:
        """``u_t + lap u - 0.05 |grad u|^2 + 2``."""
        space = range(self.n_space)
        return u.partial(self.n_space) + u.laplacian(space) - 0.05 * u.squared_gradient(space) + 2.0

    def exact(self, points: Array) -> Array:
        """``sum x_i + (2 - 0.05 n) (1 - t)``."""
        rate = 2.0 - 0.05 * self.n_space
        return points[..., :-1].sum(axis=-1) + rate * (1.0 - points[..., -1])

"""What a PDE problem says: domain, ansatz, residual, and an exact solution to be judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from training.oracle import Array
from training.stencils import DerivativeRequest, DerivativeStencil


class Derivatives:
    """u and its derivatives at B points for P candidates, computed from measured values on demand.

    Args:
        stencil: offsets and weights.
        values: (P, B, K), u at the stencil's points.
    """

    def __init__(self, stencil: DerivativeStencil, values: Array) -> None:
        self._stencil = stencil
        self._values = values

    @property
    def value(self) -> Array:
        """u, (P, B)."""
        return self._stencil.apply_value(self._values)

    @property
    def gradient(self) -> Array:
        """All first derivatives, (P, B, d)."""
        return self._stencil.apply_gradient(self._values)

    def partial(self, *coordinates: int) -> Array:
        """A partial derivative by the coordinates it is taken in, (P, B): (1, 1) is d2u/dx_1^2."""
        return self._stencil.apply_partial(self._values, coordinates)

    def laplacian(self, coordinates: Sequence[int] | Iterable[int] | None = None) -> Array:
        """Sum of second derivatives over `coordinates` (all by default), (P, B)."""
        return self._stencil.laplacian(self._values, coordinates)

    def squared_gradient(self, coordinates: Sequence[int] | Iterable[int] | None = None) -> Array:
        """|grad u|^2 over `coordinates` (all by default), (P, B)."""
        return self._stencil.squared_gradient(self._values, coordinates)


@runtime_checkable
class Problem(Protocol):
    """A PDE on a domain, with its conditions built into the ansatz."""

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        ...

    @property
    def dim(self) -> int:
        """Number of coordinates, time included."""
        ...

    @property
    def request(self) -> DerivativeRequest:
        """Derivatives needed beyond u, its gradient and its pure second derivatives."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Random points of the domain, (n, d)."""
        ...

    def solution(self, points: Array, network: Array) -> Array:
        """U from the network's outputs: points (..., d) and network (P, ..., n_out) to (P, ...)."""
        ...

    def residual(self, points: Array, u: Derivatives) -> Array:
        """Left side minus right side of the PDE at points (B, d), (P, B); zero for the solution."""
        ...

    def exact(self, points: Array) -> Array:
        """The exact solution or its reference at points (N, d), (N,)."""
        ...

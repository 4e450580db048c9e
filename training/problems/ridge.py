"""Poisson's equation whose solution varies along a few directions of many, which random features miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from photonzero.training.checks import at_least
from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field

N_DIRECTIONS = 2


@dataclass(frozen=True)
class Ridge(PDE):
    """``-lap u = w^2 u_0`` on [-1, 1]^n with the values of ``u = u_0`` on all faces.

    ``u_0 = sum_k sin(w a_k . x)``, with two orthonormal directions a_k that mix all coordinates, rows
    of the discrete cosine transform. A sum of ridge functions: to features whose directions can turn it is a
    problem of two dimensions; those whose directions are drawn once need as many as there are polynomials
    in n coordinates. The faces are penalties.

    Attributes:
        n_space: number of coordinates, n, at least 3.
        frequency: w.
    """

    n_space: int = 6
    frequency: float = 2.0 * np.pi
    presented = (-1.0, 1.0)

    def __post_init__(self) -> None:
        at_least(self, n_space=3)

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return f"ridge{self.n_space}"

    @property
    def domain(self) -> Mapping[str, Sequence[float]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The cube of n coordinates x from -1 to 1."""
        return {"x": (-1.0, 1.0, self.n_space)}

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``lap u + w^2 u_0``."""
        return u.laplacian + self.frequency**2 * self.exact(at)

    def conditions(self) -> list[Condition]:
        """The values of the exact solution on all faces."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=100.0, share=1.0)]

    def exact(self, at: Coordinates) -> Array:
        """The solution that the source was made for, u_0."""
        return np.sin(self.frequency * at.x @ ridge_directions(self.n_space).T).sum(axis=-1)


Ridge20 = partial(Ridge, n_space=20, frequency=np.pi)


def ridge_directions(n: int) -> Array:
    """Orthonormal directions a_k (2, n), ``sqrt(2 / n) cos(pi k (i + 1/2) / n)`` for k = 1, 2."""
    k, i = np.arange(1, N_DIRECTIONS + 1)[:, None], np.arange(n)
    return np.sqrt(2.0 / n) * np.cos(np.pi * k * (i + 0.5) / n)

"""The linear-terminal Hamilton-Jacobi-Bellman equation of the published benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from photonzero.training.checks import at_least
from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field


@dataclass(frozen=True)
class HJB(PDE):
    """``u_t + lap u - 0.05 |grad u|^2 = -2`` with ``u(x, 1) = sum x_i`` on [0, 1]^n x [0, 1].

    Zhao et al. 2023 [zhao2023tonn], n = 20. Exact: ``u = sum x_i + 1 - t`` at n = 20, in general
    ``u = sum x_i + (2 - 0.05 n) (1 - t)``. The terminal condition is built into the ansatz
    ``u = sum x_i + (1 - t) network``, so the exact network output is a constant: an easy target.

    The domain is open: the equation holds beyond it with the same solution. Inputs are presented as
    published, from 0 to 1.

    Attributes:
        n_space: number of space coordinates, n.
    """

    n_space: int = 20
    presented = None

    def __post_init__(self) -> None:
        at_least(self, n_space=1)

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return f"hjb{self.n_space}"

    @property
    def domain(self) -> Mapping[str, Sequence[float]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The unit cube of n coordinates x, and the time t from 0 to 1."""
        return {"x": (0.0, 1.0, self.n_space), "t": (0.0, 1.0)}

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """The terminal condition and the network, ``sum x_i + (1 - t) network``."""
        return at.x.sum(axis=-1) + (1.0 - at.t) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t + lap u - 0.05 |grad u|^2 + 2``."""
        return u.t + u.laplacian - 0.05 * u.squared_gradient + 2.0

    def exact(self, at: Coordinates) -> Array:
        """``sum x_i + (2 - 0.05 n) (1 - t)``."""
        return at.x.sum(axis=-1) + (2.0 - 0.05 * self.n_space) * (1.0 - at.t)


HJB2 = partial(HJB, n_space=2)

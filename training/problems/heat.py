"""The heat equation of the published on-chip demonstration."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field


class Heat(PDE):
    """``u_t = u_xx / pi^2`` with ``u(x, 0) = sin(pi x)`` and ``u = 0`` at x = 0, 1, for t in [0, 1].

    Initial and boundary data are penalties. Exact: ``u = exp(-t) sin(pi x)``.
    """

    label = "heat"
    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at: Coordinates, u: Field) -> Array:
        """The heat equation, ``u_t - u_xx / pi^2``."""
        return u.t - u.xx / np.pi**2

    def conditions(self) -> list[Condition]:
        """The initial sine, and zero on both walls."""
        return [
            Condition("initial", {"t": 0.0}, lambda at, u: u - np.sin(np.pi * at.x), weight=10.0),
            Condition("walls", {"x": [0.0, 1.0]}, lambda at, u: u.value, weight=10.0),
        ]

    def exact(self, at: Coordinates) -> Array:
        """The solution, ``exp(-t) sin(pi x)``."""
        return np.exp(-at.t) * np.sin(np.pi * at.x)

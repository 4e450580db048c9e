"""The Helmholtz equation with a wave that random features do not span."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field


class Helmholtz(PDE):
    """``lap u + u = q`` on [-1, 1]^2 with u = 0 on the walls, q such that ``u = sin(pi x) sin(4 pi y)``.

    The benchmark of [wang2021gradient]: four periods along one side and one along the other. The walls are
    built in, ``u = (1 - x^2) (1 - y^2) network``.
    """

    label = "helmholtz"
    domain = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}  # noqa: RUF012

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """``(1 - x^2) (1 - y^2) network``."""
        return (1.0 - at.x**2) * (1.0 - at.y**2) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``lap u + u - q``."""
        return u.laplacian + u - (1.0 - 17.0 * np.pi**2) * self.exact(at)

    def exact(self, at: Coordinates) -> Array:
        """``sin(pi x) sin(4 pi y)``."""
        return np.sin(np.pi * at.x) * np.sin(4.0 * np.pi * at.y)

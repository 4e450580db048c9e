"""The Klein-Gordon equation with a cubic term: two derivatives in time, two and a half periods of a wave."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field

_SPEED = 5.0 * np.pi


class KleinGordon(PDE):
    """``u_tt - u_xx + u^3 = f`` on [0, 1] x [0, 1], f such that ``u = x cos(5 pi t) + (x t)^3``.

    The benchmark of [wang2021gradient]. It starts at rest from u = x, which is built in as is the wall at 0,
    ``u = x + t^2 x network``; the wall at 1 is a penalty.
    """

    label = "klein-gordon"
    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012
    presented = MappingProxyType({"x": (-1.0, 1.0), "t": (-2.0, 2.0)})

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """``x + t^2 x network``."""
        return at.x + at.t**2 * at.x * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_tt - u_xx + u^3 - f``."""
        exact = self.exact(at)
        moved = -(_SPEED**2) * at.x * np.cos(_SPEED * at.t) + 6.0 * at.x**3 * at.t
        bent = 6.0 * at.x * at.t**3
        return u.tt - u.xx + u.value**3 - (moved - bent + exact**3)

    def conditions(self) -> list[Condition]:
        """The value at x = 1."""
        return [Condition("wall", {"x": 1.0}, lambda at, u: u - self.exact(at), weight=1000.0)]

    def exact(self, at: Coordinates) -> Array:
        """``x cos(5 pi t) + (x t)^3``."""
        return at.x * np.cos(_SPEED * at.t) + (at.x * at.t) ** 3

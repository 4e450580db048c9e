"""The Allen-Cahn equation in ten dimensions, with a solution that couples the coordinates."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field
from photonzero.training.problems._coupled_sine import N_SPACE, phase, phase_slope_squared


class AllenCahn10(PDE):
    """``u_t = lap u + u - u^3 + f`` on [0, 1]^10 x [0, 1], f such that ``u = sin(s(x) + t)``.

    Manufactured with ``s = (3/10) sum (x_i x_{i+1} - 1/4)``, as `Poisson10` is. The initial condition is
    built in, ``u = sin s + t network``; the faces are penalties.
    """

    label = "allen-cahn10"
    presented = MappingProxyType({"x": (-0.3, 0.3), "t": (-1.0, 1.0)})
    domain = {"x": (0.0, 1.0, N_SPACE), "t": (0.0, 1.0)}  # noqa: RUF012

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """The initial condition and the network, ``sin s + t network``."""
        return np.sin(phase(at.x)) + at.t * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t - lap u - u + u^3 - f``."""
        angle = phase(at.x) + at.t
        exact = np.sin(angle)
        source = np.cos(angle) + phase_slope_squared(at.x) * exact - exact + exact**3
        return u.t - u.laplacian - u + u.value**3 - source

    def conditions(self) -> list[Condition]:
        """The values of the exact solution on all faces."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=100.0, share=1.0)]

    def exact(self, at: Coordinates) -> Array:
        """The solution that the source was made for, ``sin(s + t)``."""
        return np.sin(phase(at.x) + at.t)

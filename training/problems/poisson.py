"""Poisson's equation in ten dimensions, with a solution that couples the coordinates."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field
from photonzero.training.problems._coupled_sine import N_SPACE, phase, phase_slope_squared


class Poisson10(PDE):
    """``-lap u = |grad s|^2 sin s`` on [0, 1]^10, with the values of ``u = sin s(x)`` on all faces.

    Manufactured: ``s = (3/10) sum (x_i x_{i+1} - 1/4)`` couples neighbouring coordinates, has no Laplacian,
    and u has no mean that a relative error could hide behind. The faces are penalties.
    """

    label = "poisson10"
    presented = (-0.3, 0.3)
    domain = {"x": (0.0, 1.0, N_SPACE)}  # noqa: RUF012

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``lap u + |grad s|^2 sin s``."""
        return u.laplacian + phase_slope_squared(at.x) * np.sin(phase(at.x))

    def conditions(self) -> list[Condition]:
        """The values of the exact solution on all faces."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=100.0, share=1.0)]

    def exact(self, at: Coordinates) -> Array:
        """The solution that the source was made for, ``sin s``."""
        return np.sin(phase(at.x))

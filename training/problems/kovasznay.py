"""Steady Navier-Stokes with an exact solution: the flow behind a grid."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field

REYNOLDS = 40.0
DECAY = REYNOLDS / 2 - np.sqrt(REYNOLDS**2 / 4 + 4 * np.pi**2)


class Kovasznay(PDE):
    """Steady incompressible Navier-Stokes at Re = 40 on [-0.5, 1] x [-0.5, 1.5]: a system of three.

    ``(u . grad) u + grad p = lap u / Re``, ``div u = 0``, velocities given on all faces as penalties. The
    pressure is determined up to a constant, which is removed from errors. Exact [kovasznay1948], with
    ``k = Re/2 - sqrt(Re^2/4 + 4 pi^2)``: ``u = 1 - exp(k x) cos(2 pi y)``,
    ``v = k/(2 pi) exp(k x) sin(2 pi y)``, ``p = -exp(2 k x) / 2``.
    """

    label = "kovasznay"
    domain = {"x": (-0.5, 1.0), "y": (-0.5, 1.5)}  # noqa: RUF012
    outputs = ("u", "v", "p")
    free_constants = ("p",)

    def residual(self, at: Coordinates, u: Field, v: Field, p: Field) -> list[Array]:
        """Momentum along x and y, and continuity."""
        return [
            u * u.x + v * u.y + p.x - u.laplacian / REYNOLDS,
            u * v.x + v * v.y + p.y - v.laplacian / REYNOLDS,
            u.x + v.y,
        ]

    def conditions(self) -> list[Condition]:
        """The velocities of the exact flow on all faces."""

        def velocity(at: Coordinates, u: Field, v: Field, p: Field) -> list[Array]:
            exact = self.exact(at)
            return [u - exact[0], v - exact[1]]

        return [Condition("faces", "faces", velocity, weight=10.0, share=0.5)]

    def exact(self, at: Coordinates) -> tuple[Array, Array, Array]:
        """The velocities u and v, and the pressure p."""
        wave, decay = 2 * np.pi * at.y, np.exp(DECAY * at.x)
        return 1 - decay * np.cos(wave), DECAY / (2 * np.pi) * decay * np.sin(wave), -(decay**2) / 2

"""Darcy flow through a medium of two materials."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field
from photonzero.training.problems._finite_volumes import SOURCE, bubble, finite_volumes

HIGH, LOW = 12.0, 3.0
_CELLS = 256


class Darcy(PDE):
    """``-div(a grad u) = 10`` on [0, 1]^2, u = 0 on all sides, a = 12 or 3 in two materials [li2021fno].

    The materials meet on the curve ``sin(2 pi x) + cos(2 pi y) = 0.3``. There grad u jumps, and the strong
    form has no meaning. So the flux is an unknown of its own and no derivative of a is taken:

        q + a grad u = 0,   div q = 10.

    Equations of the first kind are divided by sqrt(a). The normal flux and u are continuous, as a network
    is. The flux along the curve is not: smooth outputs can only be close to it on average, and this limits
    the error. Judged by u alone.

    ``u = 16 x (1 - x) y (1 - y) network`` builds the sides in. Reference: finite volumes of 256^2 cells with
    harmonic means; halving the cells changes u by 1e-3, of first order, so the limit is 2e-3 away.
    """

    label = "darcy"
    domain = {"x": (0.0, 1.0), "y": (0.0, 1.0)}  # noqa: RUF012
    outputs = ("u", "qx", "qy")
    judged = ("u",)
    reference_error = 2e-3
    # The reference is piecewise linear: its slopes are coarse where materials meet.
    check_tolerance = 0.15
    # Within half a cell, where finite volumes conserve exactly.
    check_spacing = 0.004

    def ansatz(self, at: Coordinates, u: Array, qx: Array, qy: Array) -> tuple[Array, Array, Array]:
        """Pressure times ``16 x (1 - x) y (1 - y)``, zero on the sides; fluxes as the network gives them."""
        return bubble(at) * u, qx, qy

    def residual(self, at: Coordinates, u: Field, qx: Field, qy: Field) -> list[Array]:
        """Darcy's law along x and y, and conservation."""
        a = two_materials(at.x, at.y)
        root = np.sqrt(a)
        return [qx / root + root * u.x, qy / root + root * u.y, qx.x + qy.y - SOURCE]

    def exact(self, at: Coordinates) -> tuple[Array, Array, Array]:
        """Pressure and both fluxes by finite volumes, interpolated linearly."""
        pressure, flux_x, flux_y = finite_volumes(two_materials, _CELLS)
        place = np.stack([at.x, at.y], axis=-1)
        return pressure(place), flux_x(place), flux_y(place)


def two_materials(x: Array, y: Array) -> Array:
    """12 where ``sin(2 pi x) + cos(2 pi y) > 0.3``, 3 elsewhere."""
    return np.where(np.sin(2 * np.pi * x) + np.cos(2 * np.pi * y) > 0.3, HIGH, LOW)

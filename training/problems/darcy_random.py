"""Darcy flow through a random, smooth medium."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field
from photonzero.training.problems._finite_volumes import SOURCE, bubble, padded, solve_finite_volumes

_CELLS = 256


class DarcyRandom(PDE):
    """``-div(a grad u) = 10`` on [0, 1]^2, u = 0 on all sides, for a random, smooth, lognormal a.

    ``ln a`` is a fixed draw of 12 random waves of standard deviation 0.7 in all, so the strong form holds;
    divided by a it is ``lap u + grad(ln a) . grad u + 10/a = 0``. ``u = 16 x (1 - x) y (1 - y) network``.
    Reference: finite volumes of 256^2 cells, of second order.
    """

    label = "darcy-random"
    domain = {"x": (0.0, 1.0), "y": (0.0, 1.0)}  # noqa: RUF012
    reference_error = 1e-4
    check_tolerance = 0.02
    check_spacing = 0.02

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """The network's output times ``16 x (1 - x) y (1 - y)``, zero on the sides."""
        return bubble(at) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``lap u + grad(ln a) . grad u + 10/a``."""
        log_a, slope_x, slope_y = random_log_permeability(at.x, at.y)
        return u.laplacian + slope_x * u.x + slope_y * u.y + SOURCE * np.exp(-log_a)

    def exact(self, at: Coordinates) -> Array:
        """Finite volumes, interpolated by cubic splines."""
        spline = _random_reference(_CELLS)
        return spline.ev(at.x, at.y)


def random_log_permeability(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """``ln a`` and its slopes: 12 waves of up to 1.5 periods, a fixed draw."""
    rng = np.random.default_rng(5)
    waves = rng.uniform(-3 * np.pi, 3 * np.pi, (12, 2))
    phases = rng.uniform(0, 2 * np.pi, 12)
    size = 0.7 * np.sqrt(2 / 12)
    value, slope_x, slope_y = (np.zeros(np.shape(x)) for _ in range(3))
    for (kx, ky), phase in zip(waves, phases, strict=True):
        angle = kx * x + ky * y + phase
        value = value + size * np.cos(angle)
        slope_x = slope_x - size * kx * np.sin(angle)
        slope_y = slope_y - size * ky * np.sin(angle)
    return value, slope_x, slope_y


@lru_cache(maxsize=4)
def _random_reference(n: int) -> RectBivariateSpline:
    centers = (np.arange(n) + 0.5) / n
    log_a = random_log_permeability(*np.meshgrid(centers, centers, indexing="ij"))[0]
    places, values = padded(solve_finite_volumes(np.exp(log_a)))
    return RectBivariateSpline(places, places, values)

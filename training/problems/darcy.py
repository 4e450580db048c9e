"""Darcy flow through a medium of two materials, and through a random one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.interpolate import RectBivariateSpline, RegularGridInterpolator
from scipy.sparse.linalg import splu

from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE
from photonzero.training.pde.fields import Field
from photonzero.training.pde.space import Coordinates

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
        """Zero on the sides; fluxes are the network's."""
        return _bubble(at) * u, qx, qy

    def residual(self, at: Coordinates, u: Field, qx: Field, qy: Field) -> list[Array]:
        """Darcy's law along x and y, and conservation."""
        a = two_materials(at.x, at.y)
        root = np.sqrt(a)
        return [qx / root + root * u.x, qy / root + root * u.y, qx.x + qy.y - SOURCE]

    def exact(self, at: Coordinates) -> tuple[Array, Array, Array]:
        """Finite volumes, interpolated linearly."""
        pressure, flux_x, flux_y = finite_volumes(two_materials, _CELLS)
        place = np.stack([at.x, at.y], axis=-1)
        return pressure(place), flux_x(place), flux_y(place)


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
        """Zero on the sides."""
        return _bubble(at) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``lap u + grad(ln a) . grad u + 10/a``."""
        log_a, slope_x, slope_y = random_log_permeability(at.x, at.y)
        return u.laplacian + slope_x * u.x + slope_y * u.y + SOURCE * np.exp(-log_a)

    def exact(self, at: Coordinates) -> Array:
        """Finite volumes, interpolated by cubic splines."""
        spline = _random_reference(_CELLS)
        return spline.ev(at.x, at.y)


SOURCE = 10.0


def _bubble(at: Coordinates) -> Array:
    return 16.0 * at.x * (1 - at.x) * at.y * (1 - at.y)


def two_materials(x: Array, y: Array) -> Array:
    """12 where ``sin(2 pi x) + cos(2 pi y) > 0.3``, 3 elsewhere."""
    return np.where(np.sin(2 * np.pi * x) + np.cos(2 * np.pi * y) > 0.3, HIGH, LOW)


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


def solve_finite_volumes(permeability: Array) -> Array:
    """Pressure (n, n) in the centres of n x n cells of permeability (n, n), axis 0 along x; zero outside.

    Two-point fluxes with the harmonic mean of neighbours' permeabilities, which is exact for layers.
    """
    n = permeability.shape[0]
    across = 2.0 / (1.0 / permeability[1:] + 1.0 / permeability[:-1])
    along = 2.0 / (1.0 / permeability[:, 1:] + 1.0 / permeability[:, :-1])
    index = np.arange(n * n).reshape(n, n)
    diagonal = np.zeros((n, n))
    rows, columns, values = [], [], []
    for first, second, weight in ((index[:-1], index[1:], across), (index[:, :-1], index[:, 1:], along)):
        rows += [first.ravel(), second.ravel()]
        columns += [second.ravel(), first.ravel()]
        values += [-weight.ravel()] * 2
        np.add.at(diagonal.reshape(-1), first.ravel(), weight.ravel())
        np.add.at(diagonal.reshape(-1), second.ravel(), weight.ravel())
    # Half a cell to the side.
    diagonal[0] += 2 * permeability[0]
    diagonal[-1] += 2 * permeability[-1]
    diagonal[:, 0] += 2 * permeability[:, 0]
    diagonal[:, -1] += 2 * permeability[:, -1]
    rows.append(index.ravel())
    columns.append(index.ravel())
    values.append(diagonal.ravel())
    matrix = sparse.csc_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n * n, n * n)
    )
    right = np.full(n * n, SOURCE / n**2)
    return splu(matrix, permc_spec="MMD_AT_PLUS_A").solve(right).reshape(n, n)


def _padded(pressure: Array) -> tuple[Array, Array]:
    """Places (n + 2,) and values (n + 2, n + 2): cell centres, and zero on the sides."""
    n = len(pressure)
    places = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
    return places, np.pad(pressure, 1)


@lru_cache(maxsize=4)
def finite_volumes(
    permeability: Callable[[Array, Array], Array], n: int
) -> tuple[RegularGridInterpolator, RegularGridInterpolator, RegularGridInterpolator]:
    """Pressure and both fluxes as functions of the place (..., 2), from n x n cells.

    Args:
        permeability: a function of x and y.
        n: cells along a side.
    """
    centers = (np.arange(n) + 0.5) / n
    a = permeability(*np.meshgrid(centers, centers, indexing="ij"))
    pressure = solve_finite_volumes(a)
    places, values = _padded(pressure)
    edges = np.arange(n + 1) / n

    def fluxes(u: Array, a: Array) -> Array:
        """Through the faces across axis 0, (n + 1, n)."""
        inner = -2.0 / (1.0 / a[1:] + 1.0 / a[:-1]) * (u[1:] - u[:-1]) * n
        return np.vstack([-2 * a[:1] * u[:1] * n, inner, 2 * a[-1:] * u[-1:] * n])

    def interpolator(axes: tuple[Array, Array], numbers: Array) -> RegularGridInterpolator:
        # Half a cell at the sides is extrapolated, which None stands for; the stubs know numbers only.
        return RegularGridInterpolator(axes, numbers, bounds_error=False, fill_value=None)  # pyright: ignore[reportArgumentType]

    return (
        interpolator((places, places), values),
        interpolator((edges, centers), fluxes(pressure, a)),
        interpolator((centers, edges), fluxes(pressure.T, a.T).T),
    )


@lru_cache(maxsize=4)
def _random_reference(n: int) -> RectBivariateSpline:
    centers = (np.arange(n) + 0.5) / n
    log_a = random_log_permeability(*np.meshgrid(centers, centers, indexing="ij"))[0]
    places, values = _padded(solve_finite_volumes(np.exp(log_a)))
    return RectBivariateSpline(places, places, values)

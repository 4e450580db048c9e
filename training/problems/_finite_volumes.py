"""``-div(a grad u) = 10`` on the unit square, u = 0 on all sides, by finite volumes: the Darcy references."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import splu

from photonzero.training.oracle import Array
from photonzero.training.pde import Coordinates

SOURCE = 10.0


def bubble(at: Coordinates) -> Array:
    """``16 x (1 - x) y (1 - y)``, zero on all sides and 1 in the middle."""
    return 16.0 * at.x * (1 - at.x) * at.y * (1 - at.y)


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


def padded(pressure: Array) -> tuple[Array, Array]:
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
    places, values = padded(pressure)
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

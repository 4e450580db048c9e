"""The Allen-Cahn equation on a line: thin layers grow out of a smooth start, a test of learning in time."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.linalg import expm

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field

DIFFUSION = 1e-3
_RATE = 5.0
_N_BEYOND = 3
"""Rows of the reference's table beyond the box, for differences on its edges."""


class AllenCahn(PDE):
    """``u_t = 1e-3 u_xx + 5 (u - u^3)`` on [-1, 1] x [0, 1], from ``u(x, 0) = x^2 cos(pi x)``.

    With ``u = -1`` on the walls, as [lu2021deepxde] has it. Initial and boundary data are built in,
    ``u = x^2 cos(pi x) + t (1 - x^2) network``. Reference: `reference_values`.

    Attributes:
        diffusion: of u; `exact` is for the usual one.
    """

    label = "allen-cahn"
    domain = {"x": (-1.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012
    presented = (-4.0, 4.0)
    check_spacing = 3e-3
    reference_error = 1e-6
    diffusion = DIFFUSION

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """``x^2 cos(pi x) + t (1 - x^2) network``."""
        return at.x**2 * np.cos(np.pi * at.x) + at.t * (1.0 - at.x**2) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t - 1e-3 u_xx - 5 (u - u^3)``."""
        return u.t - self.diffusion * u.xx - _RATE * (u.value - u.value**3)

    def exact(self, at: Coordinates) -> Array:
        """The reference, interpolated."""
        return _interpolated()(at.x, at.t, grid=False)


@cache
def _interpolated() -> RectBivariateSpline:
    n, beyond = 1000, _N_BEYOND
    times = np.arange(500 + beyond + 1) / 500
    inside = reference_values(np.arange(-n // 2, n // 2 + 1) / (n // 2), times).T
    # Where u is -1 its second derivative is 0 at all times: u + 1 goes on odd.
    left, right = -2.0 - inside[beyond:0:-1], -2.0 - inside[-2 : -2 - beyond : -1]
    x = np.arange(-n // 2 - beyond, n // 2 + beyond + 1) / (n // 2)
    return RectBivariateSpline(x, times, np.concatenate([left, inside, right]), kx=5, ky=5)


def reference_values(x: Array, times: Array, n_nodes: int = 400, n_steps: int = 4) -> Array:
    """The solution at evenly spaced times from 0 on, (n_times, n), by splitting [strang1968].

    Diffusion is exact in time on Chebyshev nodes [trefethen2000], and so is the reaction at every node:
    ``u' = 5 (u - u^3)`` takes u to ``u / sqrt(u^2 + (1 - u^2) exp(-10 t))``. Half of one, the other, half of
    the one again err by the square of the step; two step sizes take that off.

    Args:
        x: (n,) places.
        times: (n_times,).
        n_nodes: intervals between Chebyshev nodes.
        n_steps: of the coarser splitting, between two times.
    """
    nodes, second = _chebyshev(n_nodes)
    coarse, fine = (_split(nodes, second, times, n_steps * k) for k in (1, 2))
    values = (4.0 * fine - coarse) / 3.0
    return values @ _interpolation(nodes, x).T


def _split(nodes: Array, second: Array, times: Array, n_steps: int) -> Array:
    step = (times[1] - times[0]) / n_steps
    # Walls stay at -1, where nothing reacts: what diffuses is u + 1, zero there.
    diffusion = expm(DIFFUSION * step * second[1:-1, 1:-1])

    def reacted(u: Array, time: float) -> Array:
        return u / np.sqrt(u**2 + (1.0 - u**2) * np.exp(-2.0 * _RATE * time))

    u = nodes**2 * np.cos(np.pi * nodes)
    found = [u]
    for _ in times[1:]:
        u = reacted(u, step / 2.0)
        for k in range(n_steps):
            u[1:-1] = diffusion @ (u[1:-1] + 1.0) - 1.0
            u = reacted(u, step if k + 1 < n_steps else step / 2.0)
        found.append(u)
    return np.array(found)


def _chebyshev(n: int) -> tuple[Array, Array]:
    """Nodes (n + 1,) of [-1, 1] and the matrix of second derivatives there."""
    nodes = np.cos(np.pi * np.arange(n + 1) / n)
    size = np.where(np.isin(np.arange(n + 1), (0, n)), 2.0, 1.0) * (-1.0) ** np.arange(n + 1)
    first = np.outer(size, 1.0 / size) / (nodes[:, None] - nodes + np.eye(n + 1))
    first -= np.diag(first.sum(axis=1))
    return nodes, first @ first


def _interpolation(nodes: Array, x: Array) -> Array:
    """Values at x (n,) from those at Chebyshev nodes, (n, nodes), in barycentric form."""
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2.0
    distance = x[:, None] - nodes
    hit = np.abs(distance) < 1e-14
    terms = weights / np.where(hit, 1.0, distance)
    terms[hit.any(axis=1)] = hit[hit.any(axis=1)]
    return terms / terms.sum(axis=1, keepdims=True)

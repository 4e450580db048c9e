"""The viscous Burgers equation of the PINN literature: a shock as thin as its viscosity."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field

VISCOSITY = 0.01 / np.pi

_SHOCK_POINTS_STD = 0.05
"""Standard deviation of x of the points near the shock, which is some 0.01 wide."""


class BurgersPlain(PDE):
    """``u_t + u u_x = nu u_xx`` on [-1, 1] x [0, 1], nu = 0.01/pi, told nothing of its shock.

    From ``u(x, 0) = -sin(pi x)``, with ``u = 0`` at x = -1 and 1 [raissi2019]. Initial and boundary data are
    built in: ``u = -sin(pi x) + t (1 - x^2) network``. No penalty, no weight, and points that are uniform.
    Reference: the Cole-Hopf transform [basdevant1986] by Gauss-Hermite quadrature.

    Attributes:
        viscosity: nu; `exact` is for the usual one.
    """

    label = "burgers-plain"
    domain = {"x": (-1.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012
    # With inputs of order 1 no feature is as steep as the shock.
    presented = (-4.0, 4.0)
    check_spacing = 3e-3
    viscosity = VISCOSITY

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """``-sin(pi x) + t (1 - x^2) network``."""
        return -np.sin(np.pi * at.x) + at.t * (1.0 - at.x**2) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t + u u_x - nu u_xx``."""
        return u.t + u * u.x - self.viscosity * u.xx

    def exact(self, at: Coordinates) -> Array:
        """The Cole-Hopf formula by quadrature."""
        return cole_hopf(at.x, at.t)


class Burgers(BurgersPlain):
    """``u_t + u u_x = nu u_xx`` with nu = 0.01/pi on [-1, 1] x [0, 1], helped at its shock.

    As `BurgersPlain`, but the residual is divided by ``1 + |u_x|``, which leaves the solutions what they are
    and keeps the few points of the shock, where u_x is -150, from being all of the mean square. What is left
    of it there is too little to hold the shock in its place: that u is odd in x, as its data are, is a
    penalty, u(0, t) = 0. And half of the points are where the shock will be.
    """

    label = "burgers"
    # An electronic gain: with inputs of order 1 no feature is as steep as the shock.
    presented = MappingProxyType({"x": (-20.0, 20.0), "t": (-0.5, 0.5)})
    check_spacing = 1e-2

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``(u_t + u u_x - nu u_xx) / (1 + |u_x|)``."""
        return super().residual(at, u) / (1.0 + np.abs(u.x))

    def collocation(self, n: int, rng: np.random.Generator) -> Array:
        """Half of the points where the shock will be: it forms where the initial slope is steepest, x = 0."""
        points = self.sample(n, rng)
        points[: n // 2, 0] = _SHOCK_POINTS_STD * rng.standard_normal(n // 2)
        return points

    def conditions(self) -> list[Condition]:
        """The symmetry of the data: u is zero at x = 0."""
        return [Condition("symmetry", {"x": 0.0}, lambda at, u: u.value)]


def cole_hopf(x: Array, t: Array, n_nodes: int = 128) -> Array:
    """Burgers' solution [basdevant1986, eq. 2.7], for t near 0 too.

    With ``y = x - sqrt(4 nu t) z`` and ``f(y) = exp(-cos(pi y) / (2 pi nu))``,
    ``u = -int sin(pi y) f(y) exp(-z^2) dz / int f(y) exp(-z^2) dz``.
    """
    z, weight = np.polynomial.hermite.hermgauss(n_nodes)
    y = x[..., None] - np.sqrt(4.0 * VISCOSITY * np.maximum(t, 0.0))[..., None] * z
    # f spans e^100: the largest exponent of each point is taken out.
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * VISCOSITY)
    f = weight * np.exp(exponent - exponent.max(axis=-1, keepdims=True))
    return -(np.sin(np.pi * y) * f).sum(axis=-1) / f.sum(axis=-1)

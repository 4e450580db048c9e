"""Ten dimensions with a solution that no sum or product of functions of one coordinate makes."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE, Condition
from photonzero.training.pde.fields import Field
from photonzero.training.pde.space import Coordinates

N_SPACE = 10
COUPLING = 0.3


def phase(x: Array) -> Array:
    """``s(x) = (3/10) sum (x_i x_{i+1} - 1/4)`` of points (..., n): harmonic, of mean 0 on [0, 1]^n."""
    return COUPLING * (x[..., :-1] * x[..., 1:] - 0.25).sum(axis=-1)


def phase_slope_squared(x: Array) -> Array:
    """``|grad s|^2``, (...,)."""
    slope = np.zeros(x.shape)
    slope[..., :-1] += COUPLING * x[..., 1:]
    slope[..., 1:] += COUPLING * x[..., :-1]
    return (slope**2).sum(axis=-1)


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
        """Values on all faces."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=100.0, share=1.0)]

    def exact(self, at: Coordinates) -> Array:
        """``sin s``."""
        return np.sin(phase(at.x))


class AllenCahn10(PDE):
    """``u_t = lap u + u - u^3 + f`` on [0, 1]^10 x [0, 1], f such that ``u = sin(s(x) + t)``.

    Manufactured with the s of `Poisson10`. The initial condition is built in, ``u = sin s + t network``; the
    faces are penalties.
    """

    label = "allen-cahn10"
    presented = MappingProxyType({"x": (-0.3, 0.3), "t": (-1.0, 1.0)})
    domain = {"x": (0.0, 1.0, N_SPACE), "t": (0.0, 1.0)}  # noqa: RUF012

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """``sin s + t network``."""
        return np.sin(phase(at.x)) + at.t * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t - lap u - u + u^3 - f``."""
        angle = phase(at.x) + at.t
        exact = np.sin(angle)
        source = np.cos(angle) + phase_slope_squared(at.x) * exact - exact + exact**3
        return u.t - u.laplacian - u + u.value**3 - source

    def conditions(self) -> list[Condition]:
        """Values on all faces."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=100.0, share=1.0)]

    def exact(self, at: Coordinates) -> Array:
        """``sin(s + t)``."""
        return np.sin(phase(at.x) + at.t)

"""Hamilton-Jacobi-Bellman with a terminal condition that is not linear, in any dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from photonzero.training.checks import at_least
from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field


@dataclass(frozen=True)
class HJBLog(PDE):
    """``u_t + lap u - |grad u|^2 = 0`` with ``u(x, 1) = g(x) = ln((1 + |x|^2) / 2)`` on [0, 1]^n x [0, 1].

    The control problem of [han2018], on the box of the published HJB-20. Cole-Hopf: ``v = exp(-u)``
    satisfies the heat equation, so ``u(x, t) = -ln E[exp(-g(x + sqrt(2 (1 - t)) Z))]`` with Z standard
    normal. The reference is this mean by a one-dimensional quadrature that is exact to 1e-12: from
    ``1/(1 + y) = int_0^inf exp(-l (1 + y)) dl`` and the moment generating function of ``|x + s Z|^2``,

        E[1/(1 + |x + s Z|^2)] = int_0^inf exp(-l - l |x|^2 / (1 + 2 l s^2)) (1 + 2 l s^2)^(-n/2) dl.

    `cole_hopf_monte_carlo` is the same mean by Monte Carlo, with error bars. The terminal condition is built
    in: ``u = g(x) + (1 - t) network``. It alone determines u on all of space, but not on a box (heat may
    come in through the faces), and a network trained without lateral data ends at another solution of the
    PDE. So the values on the faces are given, as penalties.

    Attributes:
        n_space: number of space coordinates, n.
    """

    n_space: int = 20
    # Time among many coordinates is one of many: it is presented wider, to be resolved as well.
    presented = MappingProxyType({"x": (-0.15, 0.15), "t": (-4.0, 4.0)})

    def __post_init__(self) -> None:
        at_least(self, n_space=1)

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return f"hjb{self.n_space}-log"

    @property
    def domain(self) -> Mapping[str, Sequence[float]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The unit cube of n coordinates x, and the time t from 0 to 1."""
        return {"x": (0.0, 1.0, self.n_space), "t": (0.0, 1.0)}

    def ansatz(self, at: Coordinates, net: Array) -> Array:
        """The terminal condition and the network, ``g(x) + (1 - t) network``."""
        return terminal(at.x) + (1.0 - at.t) * net

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t + lap u - |grad u|^2``."""
        return u.t + u.laplacian - u.squared_gradient

    def conditions(self) -> list[Condition]:
        """Values on all faces but those of time."""
        return [Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=3000.0, share=0.5)]

    def exact(self, at: Coordinates) -> Array:
        """The Cole-Hopf formula by quadrature."""
        squared_norm = (at.x**2).sum(axis=-1)
        return -np.log(2.0 * mean_inverse(squared_norm, 2.0 * (1.0 - at.t), self.n_space))


HJBLog100 = partial(HJBLog, n_space=100)


def terminal(x: Array) -> Array:
    """``ln((1 + |x|^2) / 2)`` of points (..., n)."""
    return np.log((1.0 + (x**2).sum(axis=-1)) / 2.0)


def mean_inverse(squared_norm: Array, variance: Array, n: int) -> Array:
    """``E[1 / (1 + |x + s Z|^2)]`` in n dimensions, of |x|^2 and s^2 of equal shape.

    The integrand of the class's text is smooth in ``l = exp(w)`` and falls doubly exponentially at one end,
    at least like exp(w) at the other, where the trapezoidal rule converges exponentially.
    """
    w = np.linspace(-34.0, 5.0, 400)
    spacing = w[1] - w[0]
    total = np.zeros(np.shape(squared_norm))
    for ell in np.exp(w):
        spread = 1.0 + 2.0 * ell * variance
        exponent = -ell - ell * squared_norm / spread - 0.5 * n * np.log(spread)
        total += ell * np.exp(exponent)
    return spacing * total


def cole_hopf_monte_carlo(points: Array, n_samples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The solution of the n-dimensional problem by Monte Carlo, and its standard error.

    Args:
        points: N points, (N, n + 1), the time last.
        n_samples: normal vectors, shared by all points, each with its mirror image.
        rng: draws them.
    """
    x, t = points[:, :-1], points[:, -1]
    z = rng.standard_normal((n_samples, x.shape[1]))
    deviation = np.sqrt(2.0 * (1.0 - t))
    means, errors = np.empty(len(points)), np.empty(len(points))
    for k in range(len(points)):
        pair = [np.exp(-terminal(x[k] + sign * deviation[k] * z)) for sign in (1.0, -1.0)]
        v = (pair[0] + pair[1]) / 2.0
        means[k] = -np.log(v.mean())
        errors[k] = v.std(ddof=1) / np.sqrt(n_samples) / v.mean()
    return means, errors

"""A call on a basket of five correlated assets."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field
from photonzero.training.problems.black_scholes import RATE, VOLATILITY, black_scholes_call

N_ASSETS = 5
CORRELATION = 0.3


class Basket5(PDE):
    """A European call on the geometric mean of five assets, in log prices ``x_i = ln(S_i / K)``.

    With volatility sigma = 0.2, rate r = 0.05 a year, correlation rho = 0.3 between any two and one year:

        u_t + sigma^2/2 ((1 - rho) lap u + rho (1 . grad)^2 u) + (r - sigma^2/2) 1 . grad u - r u = 0,

    ``u(x, 1) = max(exp(mean x) - 1, 0)`` in units of K, on [-1/2, 1/2]^5. Terminal data and the values on all
    faces are penalties. Exact: the geometric mean of lognormals is lognormal, so its call has a
    Black-Scholes formula [kemna1990], of volatility ``sigma sqrt((1 + 4 rho) / 5)``.
    """

    label = "basket5"
    domain = {"x": (-0.5, 0.5, N_ASSETS), "t": (0.0, 1.0)}  # noqa: RUF012
    presented = (-0.5, 0.5)
    # The payoff's kink, as for one asset.
    check_spacing = 2e-3

    def residual(self, at: Coordinates, u: Field) -> Array:
        """The Black-Scholes equation of five correlated assets in log prices, as the class states it."""
        together = u.along((1.0,) * N_ASSETS + (0.0,))
        diffusion = VOLATILITY**2 / 2 * ((1 - CORRELATION) * u.laplacian + CORRELATION * together)
        return u.t + diffusion + (RATE - VOLATILITY**2 / 2) * u.x.sum(axis=-1) - RATE * u

    def conditions(self) -> list[Condition]:
        """Terminal values, and those on the faces."""
        return [
            Condition("terminal", {"t": 1.0}, lambda at, u: u - payoff(at.x), weight=20.0, share=0.5),
            Condition("faces", "faces", lambda at, u: u - self.exact(at), weight=20.0, share=1.0),
        ]

    def exact(self, at: Coordinates) -> Array:
        """The price of the call in units of the strike K."""
        return geometric_call(at.x, 1.0 - at.t)


def payoff(x: Array) -> Array:
    """``max(exp(mean x) - 1, 0)`` of log prices (..., n)."""
    return np.maximum(np.exp(x.mean(axis=-1)) - 1.0, 0.0)


def geometric_call(x: Array, time: Array) -> Array:
    """Price of the call [kemna1990] from log prices (..., n), time to expiry in years."""
    n = x.shape[-1]
    volatility = VOLATILITY * np.sqrt((1 + (n - 1) * CORRELATION) / n)
    # The mean grows by r - (sigma^2 - volatility^2) / 2 a year: forward price, then as for one asset.
    drag = (VOLATILITY**2 - volatility**2) / 2 * time
    return black_scholes_call(np.exp(x.mean(axis=-1) - drag), 1.0, time, RATE, volatility)

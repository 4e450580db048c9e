"""The Black-Scholes equation of the published benchmark, with the metric put right."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Condition, Coordinates, Field

STRIKE, RATE, VOLATILITY, EXPIRY = 100.0, 0.05, 0.2, 1.0
SCALE = 200.0
"""Prices are in units of 200: S in [0, 200] is s in [0, 1]."""


class BlackScholes(PDE):
    """A European call: ``u_t + (1/2) sigma^2 s^2 u_ss + r s u_s - r u = 0``, ``u(s, 1) = max(s - K, 0)``.

    Zhao et al. 2023 [zhao2023tonn]: strike K = 100, r = 0.05 and sigma = 0.2 a year, T = 1 year, S from 0
    to 200, all prices divided by 200. Terminal and boundary data are penalties: ``u(0, t) = 0`` and
    ``u(1, t) = 1 - K exp(-r (1 - t))`` (off by less than 2e-4 of the price, the put's value there).

    Exact: the Black-Scholes formula [black1973]. The published test divides t by 200 by mistake; the
    exact solution would score 0.059 on it. Here t is t.
    """

    label = "black-scholes"
    domain = {"s": (0.0, 1.0), "t": (0.0, EXPIRY)}  # noqa: RUF012
    # The kink of the terminal condition: a stencil of any width sees a jump of u_s at t = 1.
    check_spacing = 1e-3

    def residual(self, at: Coordinates, u: Field) -> Array:
        """The Black-Scholes equation in units of 200, ``u_t + (1/2) sigma^2 s^2 u_ss + r s u_s - r u``."""
        diffusion = 0.5 * VOLATILITY**2 * at.s**2 * u.ss
        return u.t + diffusion + RATE * at.s * u.s - RATE * u

    def conditions(self) -> list[Condition]:
        """Terminal and boundary values."""
        return [
            Condition("terminal", {"t": EXPIRY}, lambda at, u: u - _payoff(at.s), weight=20.0),
            Condition("boundary", {"s": [0.0, 1.0]}, lambda at, u: u - self.exact(at), weight=20.0),
        ]

    def exact(self, at: Coordinates) -> Array:
        """The price of the call over 200."""
        return black_scholes_call(at.s, STRIKE / SCALE, EXPIRY - at.t)


def _payoff(s: Array) -> Array:
    return np.maximum(s - STRIKE / SCALE, 0.0)


def black_scholes_call(
    price: Array, strike: float, time: Array, rate: float = RATE, volatility: float = VOLATILITY
) -> Array:
    """Price of a European call [black1973], time to expiry in years; its payoff at time 0, 0 at price 0."""
    safe_price = np.maximum(price, 1e-300)
    deviation = volatility * np.sqrt(np.maximum(time, 1e-300))
    d1 = (np.log(safe_price / strike) + (rate + volatility**2 / 2) * time) / deviation
    value = price * ndtr(d1) - strike * np.exp(-rate * time) * ndtr(d1 - deviation)
    return np.where(price > 0, value, 0.0)

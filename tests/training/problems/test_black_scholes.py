"""The Black-Scholes call against an integral over the lognormal price, and against its own PDE."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from photonzero.training.problems import BlackScholes
from photonzero.training.problems.black_scholes import black_scholes_call


@pytest.mark.parametrize(("price", "time"), [(0.3, 1.0), (0.5, 0.25), (0.55, 0.7), (1.0, 1.0)])
def test_price_is_the_discounted_mean_payoff(price, time):
    # Independent of the closed form: quadrature over the normal variable of the lognormal price.
    strike, rate, sigma = 0.5, 0.05, 0.2
    kink = (np.log(strike / price) - (rate - sigma**2 / 2) * time) / (sigma * np.sqrt(time))

    def payoff(z):
        final = price * np.exp((rate - sigma**2 / 2) * time + sigma * np.sqrt(time) * z)
        return (final - strike) * norm.pdf(z)

    expected = np.exp(-rate * time) * quad(payoff, kink, 12, epsabs=1e-13)[0]
    value = black_scholes_call(np.array(price), strike, np.array(time))
    assert value == pytest.approx(expected, abs=1e-11)


def test_boundary_data_and_payoff():
    problem = BlackScholes()
    points = np.array([[0.0, 0.3], [1.0, 0.3], [0.8, 1.0], [0.2, 1.0]])
    values = problem.reference(points)[:, 0]
    forward = 1 - 0.5 * np.exp(-0.05 * 0.7)
    np.testing.assert_allclose(values, [0.0, forward, 0.3, 0.0], atol=2e-4)
    assert values[0] == 0.0
    assert values[2] == pytest.approx(0.3, abs=1e-15)

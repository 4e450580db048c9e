"""Points picked where residuals are large: sums of squares keep their mean, with less scatter."""

import numpy as np
import pytest

from photonzero.training.layers.network import MeasuredLayer, passed
from photonzero.training.layers.on_batch import Pricing, picked, solved
from photonzero.training.objective import PinnObjective, PointOptions
from photonzero.training.pde import PDE, Condition
from photonzero.training.stencils import make_rule


class Spike(PDE):
    """Residuals of a network are large in a hundredth of the domain."""

    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return [0.01 * u.t + 30.0 * (at.x > 0.99), 0.1 * u.value]

    def conditions(self):
        return [Condition("start", {"t": 0.0}, lambda at, u: u.value)]


RNG = np.random.default_rng(0)
LAYERS = [MeasuredLayer.of([RNG.standard_normal((1, 6, 2, 1))], RNG.standard_normal(6), "tanh")]
READOUT = RNG.standard_normal((1, 7))
PRICING = Pricing((0.0,), 0.0, 1e-6)


def batch(n_points, number):
    objective = PinnObjective(
        Spike(), make_rule("central"), n_points, 0, PointOptions(condition_share=0.5, sequence="sobol")
    )
    objective.load_batch(number)
    return objective.known_batch()


def test_sums_of_squares_keep_their_mean_and_scatter_less():
    def value(own):
        return solved(LAYERS, own, READOUT, PRICING).value / sum(map(len, own.nodes))

    even = [value(batch(256, k)) for k in range(40)]
    chosen = [value(picked(LAYERS, batch(1024, k), READOUT, 0.25, RNG)) for k in range(40)]
    exact = value(batch(2**13, 0))
    # Four standard errors; the best fit to few points is a little below that to many.
    error = 4.0 * np.std(chosen) / np.sqrt(40)
    assert np.mean(chosen) == pytest.approx(exact, abs=error + 0.02 * exact)
    assert np.std(chosen) < 0.5 * np.std(even)


def test_the_numbers_of_points_and_their_weights():
    whole = batch(1024, 0)
    some = picked(LAYERS, whole, READOUT, 0.25, RNG)
    assert len(some.nodes[0]) == pytest.approx(256, abs=8)
    assert len(some.nodes[1]) == 128
    # Presented from -1 to 1: of the spike in a hundredth of the domain every point is taken.
    in_spike = [(own.nodes[0][:, 0, 0] > 0.98).sum() for own in (some, whole)]
    assert in_spike[0] == in_spike[1] >= 10
    _, weights = some.judged(10**6)
    _, all_weights = whole.judged(10**6)
    assert weights.mean() == pytest.approx(all_weights.mean(), rel=0.1)
    # No point weighs more than twice what it would on an even draw: half of the chances are even.
    assert weights.max() <= 2.0 * all_weights.max() * (1 + 1e-9)


def test_derivatives_are_weighed_as_residuals_are():
    some = picked(LAYERS, batch(64, 1), READOUT, 0.5, RNG)
    here = solved(LAYERS, some, READOUT, PRICING)
    moved = [MeasuredLayer(LAYERS[0].cores, LAYERS[0].matrix, LAYERS[0].bias + 1e-6, "tanh")]
    residuals = [
        np.concatenate([some.residuals(k, answers(own, here.readout, k, some)) for k in range(2)])
        for own in (LAYERS, moved)
    ]
    slope = here.jacobian(None).sum(axis=1)
    np.testing.assert_allclose((residuals[1] - residuals[0]) / 1e-6, slope, atol=1e-4 * np.abs(slope).max())


def answers(layers, readout, part, own):
    forms = own.forms[part]
    found = passed(layers, own.nodes[part], forms).features @ readout[:, :-1].T
    found[:, : 1 if forms is not None else None] += readout[:, -1]
    return found

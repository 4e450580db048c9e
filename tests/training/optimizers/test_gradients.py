"""Estimators of gradients on a quadratic, whose gradient is known; update rules and schedules."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.estimators import (
    DISTRIBUTIONS,
    CoordinateWise,
    GroupDirections,
    Hybrid,
    ImportantGroups,
    RandomDirections,
    draw_directions,
)
from photonzero.training.optimizers.forward_gradient import GradientOptions
from photonzero.training.optimizers.parts.updates import (
    Adam,
    Momentum,
    Sign,
    perturbation_factor,
    step_factor,
)

N = 6
RNG = np.random.default_rng(0)
ROOT = RNG.standard_normal((N, N))
HESSIAN = ROOT @ ROOT.T
SLOPE = RNG.standard_normal(N)
X = RNG.standard_normal(N)
GRADIENT = HESSIAN @ X + SLOPE
GROUPS = [np.arange(0, 2), np.arange(2, N)]
KURTOSIS = {"rademacher": 1.0, "gaussian": 3.0}


def loss(offsets):
    x = X + offsets
    return 0.5 * np.einsum("pi,ij,pj->p", x, HESSIAN, x) + x @ SLOPE


def estimates(estimator, trials):
    found = []
    for seed in range(trials):
        probes = estimator.probes(seed, np.random.default_rng(seed))
        found.append(probes.gradient(loss(probes.offsets)))
    return np.array(found)


def assert_unbiased(found, variance=None):
    measured = found.var(axis=0)
    spread = measured if variance is None else variance
    assert (np.abs(found.mean(axis=0) - GRADIENT) <= 4 * np.sqrt(spread / len(found)) + 1e-12).all()


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_random_directions_are_unbiased_and_cost_what_they_say(distribution, antithetic):
    estimator = RandomDirections(N, 4, distribution, antithetic)
    assert len(estimator.probes(0, RNG).offsets) == (8 if antithetic else 5)
    assert_unbiased(estimates(estimator, 3000))


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian", "sphere"])
def test_variance_law_of_random_directions(distribution):
    k, trials = 3, 6000
    found = estimates(RandomDirections(N, k, distribution, True), trials)
    total, own = GRADIENT @ GRADIENT, GRADIENT**2
    if distribution == "sphere":
        variance = (N / (N + 2) * (total - own) + (3 * N / (N + 2) - 1) * own) / k
    else:
        variance = (total - own + (KURTOSIS[distribution] - 1) * own) / k
    # The fourth moments of Gaussian products are large: 10 percent is 4 sigma for this many.
    np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.12)


def test_scrambled_sobol_directions_vary_less_than_independent_ones():
    total = {
        d: estimates(RandomDirections(N, 16, d, True), 400).var(axis=0).sum() for d in ("gaussian", "sobol")
    }
    assert total["sobol"] < 0.5 * total["gaussian"]


def test_one_sided_coordinates_are_off_by_half_the_curvature_and_cost_one_loss_more_than_controls():
    estimator = CoordinateWise(N, N, seed=1, antithetic=False)
    probes = estimator.probes(0, np.random.default_rng(0))
    assert len(probes.offsets) == N + 1
    np.testing.assert_allclose(probes.gradient(loss(probes.offsets)), GRADIENT + 0.5 * np.diag(HESSIAN))


def test_coordinates_are_exact_and_cover_everything_in_a_cycle():
    estimator = CoordinateWise(N, 4, seed=1)
    seen = np.zeros(N, bool)
    for step in range(2):
        probes = estimator.probes(step, RNG)
        assert len(probes.offsets) == 8
        found = probes.gradient(loss(probes.offsets))
        seen |= found != 0
        np.testing.assert_allclose(found[found != 0], GRADIENT[found != 0], rtol=1e-10)
    assert seen.all()
    whole = CoordinateWise(N, N, seed=1).probes(0, RNG)
    np.testing.assert_allclose(whole.gradient(loss(whole.offsets)), GRADIENT, rtol=1e-10)


@pytest.mark.parametrize("antithetic", [True, False])
def test_group_directions_are_unbiased_without_the_noise_of_other_groups(antithetic):
    k = 3
    estimator = GroupDirections(GROUPS, N, k, "rademacher", antithetic)
    assert len(estimator.probes(0, RNG).offsets) == (2 * k * 2 if antithetic else 2 * k + 1)
    found = estimates(estimator, 3000)
    assert_unbiased(found)
    if antithetic:
        for group in GROUPS:
            own = GRADIENT[group]
            np.testing.assert_allclose(found.var(axis=0)[group], (own @ own - own**2) / k, rtol=0.12)


@pytest.mark.parametrize("antithetic", [True, False])
def test_groups_by_importance_stay_unbiased(antithetic):
    estimator = ImportantGroups(GROUPS, N, 3, "rademacher", antithetic)
    for _ in range(50):
        estimator.learn(0.0, np.concatenate([np.zeros(2), np.full(4, 5.0)]))
    assert estimator.probabilities[1] > 0.6
    assert len(estimator.probes(0, RNG).offsets) == (6 if antithetic else 4)
    assert_unbiased(estimates(estimator, 6000))
    other = ImportantGroups(GROUPS, N, 3, "rademacher", antithetic)
    other.restore(estimator.state())
    np.testing.assert_array_equal(other.probabilities, estimator.probabilities)


def test_hybrid_turns_to_coordinates_when_progress_stalls_and_not_before():
    parts = RandomDirections(N, 2, "rademacher", True), CoordinateWise(N, 2, seed=1)
    hybrid = Hybrid(*parts, patience=5, tolerance=0.01)
    for step in range(20):
        hybrid.learn(0.9**step, GRADIENT)
    assert not hybrid.stalled
    again = Hybrid(*parts, patience=5, tolerance=0.01)
    again.restore(hybrid.state())
    for both in (hybrid, again):
        for _ in range(60):
            both.learn(0.9**20, GRADIENT)
        assert both.stalled
        probes = both.probes(0, RNG)
        assert np.count_nonzero(probes.gradient(loss(probes.offsets))) == 2


def test_updates_on_paper():
    g = np.array([1.0, -2.0])
    np.testing.assert_array_equal(Sign().direction(g), [1.0, -1.0])
    momentum = Momentum(2, 0.5)
    momentum.direction(g)
    np.testing.assert_allclose(momentum.direction(g), 1.5 * g)
    # Adam's first step has length one in every entry; ZO-AdaMM's is not corrected for its start.
    np.testing.assert_allclose(Adam(2, 0.9, 0.99, False).direction(g), np.sign(g), rtol=1e-7)
    np.testing.assert_allclose(Adam(2, 0.9, 0.99, True).direction(g), 0.1 * np.sign(g) / 0.1, rtol=1e-6)
    largest = Adam(2, 0.0, 0.0, True)
    largest.direction(g)
    np.testing.assert_allclose(largest.direction(0.5 * g), 0.5 * np.sign(g), rtol=1e-7)


def test_schedules_on_paper():
    assert [step_factor("constant", k, 10, 0.1) for k in (0, 99)] == [1.0, 1.0]
    assert step_factor("step", 9, 10, 0.5) == 1.0
    assert step_factor("step", 25, 10, 0.5) == 0.25
    assert step_factor("cosine", 0, 10, 0.1) == pytest.approx(1.0)
    assert step_factor("cosine", 5, 10, 0.1) == pytest.approx(0.55)
    assert step_factor("cosine", 50, 10, 0.1) == pytest.approx(0.1)
    assert step_factor("spall", 0, 9, 0.1) == 1.0
    assert step_factor("spall", 10, 9, 0.1) == pytest.approx(0.5**0.602)
    assert perturbation_factor("spall", 31) == pytest.approx(32**-0.101)
    assert perturbation_factor("cosine", 31) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimator": "magic"}, "estimator: 'magic'; allowed: random"),
        ({"update": "newton"}, "update: 'newton'"),
        ({"schedule": "linear"}, "schedule: 'linear'"),
        ({"distribution": "cauchy"}, "distribution: 'cauchy'"),
        ({"patience": 0}, "patience: 0; allowed: >= 1"),
        ({"schedule_factor": 0.0}, "schedule_factor: 0.0; allowed: > 0"),
    ],
)
def test_bad_options_are_named(change, message):
    with pytest.raises(ArgumentError, match=message):
        GradientOptions(**change)


def test_too_many_controls_for_sobol_are_named():
    with pytest.raises(ArgumentError, match="sobol points: 30000 dimensions"):
        draw_directions("sobol", 2, 30000, RNG)

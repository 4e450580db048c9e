"""Random rules: means within 4 sigma, the documented variances, reproducible draws."""

import numpy as np
import pytest

from photonzero.training.stencils import (
    DerivativeRequest,
    make_rule,
)
from photonzero.training.stencils.hutchinson import independent_signs, orthogonal_signs

DIM = 5
GROUP = (1, 2, 3, 4)
HALF = np.random.default_rng(4).normal(size=(DIM, DIM))
HESSIAN = HALF + HALF.T
SLOPE = np.random.default_rng(5).normal(size=DIM)
REQUEST = DerivativeRequest(laplacian=GROUP, mixed=((0, 1),), directions=((1.0, 0, -1.0, 0, 2.0),))
RULES = {
    "hutchinson": ("hutchinson", {"n_directions": 2}),
    "hutchinson independent": ("hutchinson", {"n_directions": 2, "orthogonal": False}),
    "sampled-dims": ("sampled-dims", {"n_dims": 2}),
    "stein-mc normal": ("stein-mc", {"n_pairs": 8, "points": "normal"}),
    "stein-mc sobol": ("stein-mc", {"n_pairs": 8, "points": "sobol"}),
}
DRAWS = 300


def u(x):
    return 0.3 + x @ SLOPE + 0.5 * ((x @ HESSIAN) * x).sum(axis=-1)


def within_four_sigma(samples, expected):
    samples = np.asarray(samples)
    error = np.abs(samples.mean(axis=0) - expected)
    # A quantity that does not vary at all must be right up to rounding.
    return np.all(error <= 4 * samples.std(axis=0) / np.sqrt(len(samples)) + 1e-9)


@pytest.mark.parametrize("case", RULES)
def test_means(case):
    name, options = RULES[case]
    rule, rng = make_rule(name, **options), np.random.default_rng(0)
    laplacian, squared, gradient, mixed, curvature, time = [], [], [], [], [], []
    for _ in range(DRAWS):
        stencil = rule.stencil(DIM, rng, REQUEST)
        values = u(stencil.offsets)
        laplacian.append(stencil.laplacian(values, GROUP))
        squared.append(stencil.squared_gradient(values, GROUP))
        gradient.append(stencil.apply_gradient(values))
        mixed.append(stencil.apply_partial(values, (0, 1)))
        curvature.append(stencil.apply_curvatures(values)[0])
        time.append(stencil.apply_partial(values, (0, 0)))
    a = np.array(REQUEST.directions[0])
    assert within_four_sigma(laplacian, np.trace(HESSIAN) - HESSIAN[0, 0])
    assert within_four_sigma(gradient, SLOPE)
    assert within_four_sigma(mixed, HESSIAN[0, 1])
    assert within_four_sigma(curvature, a @ HESSIAN @ a)
    assert within_four_sigma(time, HESSIAN[0, 0])
    if case != "stein-mc sobol":  # squares the mean, by design
        assert within_four_sigma(squared, (SLOPE[1:] ** 2).sum())


@pytest.mark.parametrize("case", RULES)
def test_equal_seeds_give_equal_bits_and_draws_differ(case):
    name, options = RULES[case]
    rule = make_rule(name, **options)
    first, again = (rule.stencil(DIM, np.random.default_rng(7), REQUEST) for _ in range(2))
    assert np.array_equal(first.offsets, again.offsets)
    rng = np.random.default_rng(7)
    draws = {rule.stencil(DIM, rng, REQUEST).offsets.tobytes() for _ in range(40)}
    # Two directions of +-1 in four coordinates and samples of two out of four repeat soon.
    assert len(draws) >= 4


def test_hutchinson_variance():
    """2 sum of H_ij^2 over i != j, divided by the number of independent directions."""
    count, rng = 3, np.random.default_rng(1)
    rule = make_rule("hutchinson", n_directions=count, orthogonal=False)
    samples = []
    for _ in range(1500):
        stencil = rule.stencil(DIM, rng)
        samples.append(stencil.laplacian(u(stencil.offsets)))
    off_diagonal = (HESSIAN**2).sum() - (np.diag(HESSIAN) ** 2).sum()
    assert np.var(samples) == pytest.approx(2 * off_diagonal / count, rel=0.15)


def test_orthogonal_directions_vary_less_and_a_full_set_is_exact():
    spread = {}
    for orthogonal in (True, False):
        rng, samples = np.random.default_rng(2), []
        rule = make_rule("hutchinson", n_directions=6, orthogonal=orthogonal)
        for _ in range(400):
            stencil = rule.stencil(DIM, rng)
            samples.append(stencil.laplacian(u(stencil.offsets)))
        spread[orthogonal] = np.var(samples)
    assert spread[True] < 0.6 * spread[False]
    stencil = make_rule("hutchinson", n_directions=8).stencil(DIM, np.random.default_rng(0))
    assert stencil.laplacian(u(stencil.offsets)) == pytest.approx(np.trace(HESSIAN), abs=1e-10)


@pytest.mark.parametrize(("count", "width"), [(1, 1), (3, 1), (4, 4), (5, 3), (20, 7)])
def test_signs(count, width):
    for draw in (independent_signs, orthogonal_signs):
        signs = draw(count, width, np.random.default_rng(0))
        assert signs.shape == (count, width)
        assert set(np.unique(signs)) <= {-1.0, 1.0}


def test_orthogonal_directions_are_orthogonal():
    signs = orthogonal_signs(8, 8, np.random.default_rng(0))
    np.testing.assert_array_equal(signs @ signs.T, 8 * np.eye(8))


def test_sampled_dimensions_variance():
    """g^2 S^2 / m (1 - m / g), the variance of sampling without replacement."""
    count, rng = 2, np.random.default_rng(3)
    rule = make_rule("sampled-dims", n_dims=count)
    samples = []
    for _ in range(1500):
        stencil = rule.stencil(DIM, rng)
        samples.append(stencil.laplacian(u(stencil.offsets)))
    spread = np.var(np.diag(HESSIAN), ddof=1)
    expected = DIM**2 * spread / count * (1 - count / DIM)
    assert np.var(samples) == pytest.approx(expected, rel=0.15)


def test_sampling_all_dimensions_is_the_central_stencil():
    sampled = make_rule("sampled-dims", n_dims=9).stencil(DIM, np.random.default_rng(0))
    central = make_rule("central").stencil(DIM, np.random.default_rng(0))
    np.testing.assert_array_equal(sampled.offsets, central.offsets)
    np.testing.assert_allclose(np.asarray(sampled.gradient), np.asarray(central.gradient), rtol=1e-14)
    np.testing.assert_allclose(
        np.asarray(sampled.hessian_diagonal), np.asarray(central.hessian_diagonal), rtol=1e-14
    )


@pytest.mark.parametrize("points", ["normal", "sobol"])
def test_monte_carlo_variance_falls_with_pairs(points):
    """1/n for independent points, and no slower for Sobol points."""
    variances = []
    for n_pairs in (16, 256):
        rule, rng = make_rule("stein-mc", n_pairs=n_pairs, points=points), np.random.default_rng(4)
        samples = []
        for _ in range(150):
            stencil = rule.stencil(DIM, rng)
            samples.append(stencil.laplacian(u(stencil.offsets)))
        variances.append(np.var(samples))
    rate = np.log(variances[0] / variances[1]) / np.log(16)
    assert rate > 1.1 if points == "sobol" else 0.75 < rate < 1.25


def test_sobol_points_beat_independent_ones():
    spread = {}
    for points in ("normal", "sobol"):
        rule, rng = make_rule("stein-mc", n_pairs=256, points=points), np.random.default_rng(5)
        draws = (rule.stencil(DIM, rng) for _ in range(100))
        spread[points] = np.var([s.laplacian(u(s.offsets)) for s in draws])
    assert spread["sobol"] < 0.5 * spread["normal"]

"""Detector noise: its propagation, the best spacing for it, and repeated nodes against it."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.stencils import (
    RULES,
    DerivativeRequest,
    auto_spacing,
    make_rule,
)

TIME_AND_SPACE = DerivativeRequest(laplacian=tuple(range(1, 5)), mixed=((0, 1),))


def length_name(name):
    return "sigma" if name in ("sparse-grid", "stein-mc") else "spacing"


@pytest.mark.parametrize("name", RULES.names())
def test_noise_variance_is_the_norm_of_the_weights(name):
    """Variance s^2 |w|^2 of value, gradient, mixed derivative and Laplacian."""
    rng, noise = np.random.default_rng(0), 0.01
    stencil = make_rule(name).stencil(5, rng, TIME_AND_SPACE)
    draws = 3000
    values = 1.5 + noise * rng.normal(size=(draws, stencil.n_nodes))
    row = next(i for i in range(5) if np.any(stencil.partial_weights((i,))))
    measured = [
        (stencil.apply_value(values), stencil.value),
        (stencil.apply_gradient(values)[:, row], stencil.partial_weights((row,))),
        (stencil.apply_partial(values, (0, 1)), stencil.partial_weights((0, 1))),
        (stencil.laplacian(values, range(1, 5)), stencil.laplacian_weights(range(1, 5))),
    ]
    for samples, weights in measured:
        # The relative error of a standard deviation of n draws is 1 / sqrt(2 n).
        expected = noise * np.linalg.norm(weights)
        assert np.std(samples) == pytest.approx(expected, rel=4 / np.sqrt(2 * draws))


@pytest.mark.parametrize(
    ("name", "options", "gradient", "laplacian"),
    [
        ("central", {}, np.sqrt(1 / 2), np.sqrt(4 * 20**2 + 2 * 20)),
        ("hutchinson", {"n_directions": 5}, None, np.sqrt(4 + 2 / 5)),
        ("sampled-dims", {"n_dims": 4}, 5 * np.sqrt(1 / 2), 5 * np.sqrt(4 * 4**2 + 2 * 4)),
    ],
)
def test_documented_noise_gains(name, options, gradient, laplacian):
    """In units of s / h and s / h^2, d = 20."""
    rule = make_rule(name, spacing=1.0, **options)
    stencil = rule.stencil(20, np.random.default_rng(0))
    assert np.linalg.norm(stencil.laplacian_weights()) == pytest.approx(laplacian)
    if gradient is not None:
        gains = [np.linalg.norm(stencil.partial_weights((i,))) for i in range(20)]
        assert max(gains) == pytest.approx(gradient)


@pytest.mark.parametrize(("family", "expected"), [("gauss-hermite", 4478), ("kronrod-patterson", 380)])
def test_documented_noise_gains_of_the_published_grid(family, expected):
    rule = make_rule("sparse-grid", sigma=1.0, family=family)
    weights = rule.stencil(21, np.random.default_rng(0)).laplacian_weights()
    assert np.linalg.norm(weights) == pytest.approx(expected, abs=0.6)


def test_documented_noise_gain_of_monte_carlo():
    """In quadratic mean sqrt(3 d / n) / s^2 for the Laplacian, 1 / (s sqrt(2 n)) for a slope."""
    rng, squares, slopes = np.random.default_rng(0), [], []
    rule = make_rule("stein-mc", sigma=1.0, n_pairs=32, points="normal")
    for _ in range(400):
        stencil = rule.stencil(6, rng)
        squares.append((stencil.laplacian_weights() ** 2).sum())
        slopes.append((stencil.partial_weights((2,)) ** 2).sum())
    assert np.mean(squares) == pytest.approx(3 * 6 / 32, rel=0.1)
    assert np.mean(slopes) == pytest.approx(1 / 64, rel=0.1)


DIM = 3
SCANNED = {
    "central": {},
    "central4": {},
    "sparse-grid": {"level": 5},
    "hutchinson": {"n_directions": 2},
    "sampled-dims": {"n_dims": 2},
}


def squared_error(name, options, spacing, target, noise, length, amplitude):
    """Bias on a function of known derivatives, plus the noise variance of the weights."""
    rule = make_rule(name, **options, **{length_name(name): spacing})
    stencil = rule.stencil(DIM, np.random.default_rng(0))
    wave = np.sin if target == "gradient" else np.cos
    values = amplitude * wave(stencil.offsets / length).sum(axis=1)
    if target == "gradient":
        gains = [np.linalg.norm(stencil.partial_weights((i,))) for i in range(DIM)]
        row = int(np.argmax(gains))
        weights = stencil.partial_weights((row,))
        scale = DIM / 2 if name == "sampled-dims" else 1.0
        truth = scale * amplitude / length
        if name == "hutchinson":
            # Single slopes along a direction mix coordinates: take the one coordinate that counts.
            values = amplitude * np.sin(stencil.offsets[:, row] / length)
    else:
        weights, truth = stencil.laplacian_weights(), -DIM * amplitude / length**2
    return (weights @ values - truth) ** 2 + noise**2 * (weights**2).sum()


@pytest.mark.parametrize("target", ["gradient", "laplacian"])
@pytest.mark.parametrize("name", SCANNED)
def test_automatic_spacing_against_a_scan(name, target):
    """The spacing is near the best of a scan, and the error there is as good."""
    noise, length, amplitude = 1e-6, 0.7, 2.0
    options = SCANNED[name]
    scales = {"noise_std": noise, "length_scale": length, "amplitude": amplitude}
    rule = make_rule(name, **options, **{length_name(name): "auto"}, target=target, **scales)
    chosen = rule.resolved_spacing(DIM)
    assert auto_spacing(rule, DIM) == chosen
    stencil = rule.stencil(DIM, np.random.default_rng(0))
    if length_name(name) == "spacing":
        assert np.isclose(np.abs(stencil.offsets), chosen).any()
    scan = chosen * np.geomspace(0.3, 3, 41)
    errors = [squared_error(name, options, h, target, noise, length, amplitude) for h in scan]
    best = int(np.argmin(errors))
    assert chosen == pytest.approx(scan[best], rel=0.15)
    at_chosen = squared_error(name, options, chosen, target, noise, length, amplitude)
    assert at_chosen <= 1.05 * errors[best]


def test_automatic_spacing_of_monte_carlo():
    """Its own bias varies from draw to draw, so that the model is scanned: bias 1/2 d s^2."""
    rule = make_rule("stein-mc", sigma="auto", noise_std=1e-3, n_pairs=64)
    model = rule.error_model(DIM)
    scan = np.geomspace(1e-3, 10, 4001)
    best = scan[np.argmin([model.rms_error(s, 1e-3) for s in scan])]
    assert rule.resolved_spacing(DIM) == pytest.approx(best, rel=2e-3)
    assert model.bias(0.1) == pytest.approx(0.5 * DIM * 0.1**2)


def test_automatic_spacing_grows_with_the_noise_by_the_documented_power():
    """h ~ s^(1 / (p + q)): quadrupling at order 2 takes 256 times the noise for a Laplacian."""
    coarse, fine = (
        make_rule("central", spacing="auto", noise_std=s).resolved_spacing(DIM) for s in (2.56e-3, 1e-5)
    )
    assert coarse / fine == pytest.approx(4.0)


def test_without_noise_rounding_takes_its_place():
    rule = make_rule("central", spacing="auto", target="gradient")
    assert 1e-6 < rule.resolved_spacing(3) < 1e-4


def test_error_model_matches_the_stencil():
    rule = make_rule("central", target="gradient", amplitude=2.0, length_scale=0.5)
    model = rule.error_model(4)
    assert model.bias(0.1) == pytest.approx(2.0 / 0.5**3 * 0.1**2 / 6)
    assert model.noise(0.1, 0.01) == pytest.approx(0.01 / (np.sqrt(2) * 0.1))
    assert model.rms_error(0.1, 0.01) == pytest.approx(np.hypot(model.bias(0.1), model.noise(0.1, 0.01)))


def test_hutchinson_has_no_single_second_derivatives_to_be_best_for():
    rule = make_rule("hutchinson", spacing="auto", target="hessian", noise_std=1e-3)
    with pytest.raises(ArgumentError, match="second derivatives"):
        rule.stencil(3, np.random.default_rng(0))


def test_auto_spacing_counts_the_rounding_of_single_precision():
    rule = make_rule("central", spacing="auto")
    double, single = (rule.with_rounding(float(np.finfo(kind).eps)) for kind in (np.float64, np.float32))
    assert double.resolved_spacing(DIM) == rule.resolved_spacing(DIM)
    # Rounding grows by 2^29, and the best spacing with its fourth root.
    np.testing.assert_allclose(single.resolved_spacing(DIM) / double.resolved_spacing(DIM), 2 ** (29 / 4))
    # Detectors that are noisier than that decide alone.
    noisy = make_rule("central", spacing="auto", noise_std=1e-3)
    assert noisy.with_rounding(1e-7) == noisy

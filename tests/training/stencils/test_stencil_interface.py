"""The shared interface: registry, bad input, kept stencils, memory in high dimension."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.stencils import (
    RULES,
    DerivativeRequest,
    DerivativeStencil,
    make_rule,
    rule_options,
)

RNG = np.random.default_rng(0)
NAMES = RULES.names()


def test_names():
    assert set(NAMES) >= {"central", "central4", "sparse-grid", "stein-mc", "hutchinson", "sampled-dims"}
    for name in NAMES:
        assert make_rule(name).name == name


def test_options_state_the_defaults():
    assert rule_options("hutchinson")["n_directions"] == 1
    assert "order" not in rule_options("central4")
    assert make_rule("sparse-grid").stencil(2, RNG).n_nodes == 13


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "forward",
            {},
            f"stencil rule: 'forward'; allowed: {', '.join(NAMES)}",
        ),
        ("central", {"order": 4}, "option of 'central': 'order'; allowed: amplitude, "),
        ("central", {"h": 0.1}, "option of 'central': 'h'; allowed: amplitude, length_scale, "),
        ("central", {"spacing": np.nan}, "spacing: nan; allowed: finite numbers > 0"),
        ("central4", {"spacing": 0}, "spacing: 0; allowed: finite numbers > 0"),
        ("central", {"spacing": "best"}, "spacing: 'best'; allowed: 'auto' or a finite number > 0"),
        ("central", {"noise_std": -1.0}, "noise_std: -1.0; allowed: finite numbers >= 0"),
        ("central", {"target": "value"}, "target: 'value'; allowed: gradient, hessian, laplacian"),
        ("central", {"amplitude": 0.0}, "amplitude: 0.0; allowed: finite numbers > 0"),
        ("central", {"length_scale": np.inf}, "length_scale: inf; allowed: finite numbers > 0"),
        ("sparse-grid", {"sigma": 0.0}, "sigma: 0.0; allowed: finite numbers > 0"),
        ("sparse-grid", {"sigma": -1}, "sigma: -1; allowed: finite numbers > 0"),
        ("sparse-grid", {"level": 0}, "level: 0; allowed: integers >= 3"),
        ("sparse-grid", {"family": "gauss"}, "family: 'gauss'; allowed: gauss-hermite, "),
        ("stein-mc", {"sigma": 0}, "sigma: 0; allowed: finite numbers > 0"),
        ("stein-mc", {"n_pairs": 1}, "n_pairs: 1; allowed: integers >= 2"),
        ("stein-mc", {"points": "halton"}, "points: 'halton'; allowed: normal, sobol"),
        ("hutchinson", {"n_directions": 0}, "n_directions: 0; allowed: integers >= 1"),
        ("sampled-dims", {"n_dims": 0}, "n_dims: 0; allowed: integers >= 1"),
    ],
)
def test_bad_rules(name, options, message):
    with pytest.raises(ArgumentError) as caught:
        make_rule(name, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dim", [0, -1, 2.0])
def test_bad_dim(name, dim):
    with pytest.raises(ArgumentError, match=r"dim: .*; allowed: integers >= 1"):
        make_rule(name).stencil(dim, RNG)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (DerivativeRequest(laplacian=(0, 3)), "request laplacian"),
        (DerivativeRequest(laplacian=(1, 1)), "request laplacian"),
        (DerivativeRequest(laplacian=()), "request laplacian"),
        (DerivativeRequest(mixed=((0, -1),)), "request mixed"),
        (DerivativeRequest(mixed=((),)), "request mixed"),
        (DerivativeRequest(directions=((1.0, 0.0),)), "request directions"),
        (DerivativeRequest(directions=((0.0, 0.0, 0.0),)), "request directions"),
    ],
)
def test_bad_requests(name, request_, message):
    with pytest.raises(ArgumentError, match=message):
        make_rule(name).stencil(3, RNG, request_)


def test_a_level_too_low_for_a_third_derivative():
    request = DerivativeRequest(mixed=((0, 0, 1),))
    with pytest.raises(ArgumentError, match=r"at level 3; allowed: at most 2 .*level >= 4"):
        make_rule("sparse-grid").stencil(2, RNG, request)


def test_what_was_not_requested():
    stencil = make_rule("central").stencil(3, RNG)
    values = np.zeros(stencil.n_nodes)
    with pytest.raises(ArgumentError, match=r"coordinates: \(0, 1\).*DerivativeRequest"):
        stencil.apply_partial(values, (0, 1))
    with pytest.raises(ArgumentError, match="curvatures"):
        stencil.apply_curvatures(values)
    with pytest.raises(ArgumentError, match=r"direction: shape \(2,\); allowed: \(3,\)"):
        stencil.apply_directional(values, (1.0, 2.0))
    with pytest.raises(ArgumentError, match="dims"):
        stencil.laplacian(values, (3,))
    with pytest.raises(ArgumentError, match=r"values: shape \(6,\); allowed: \(\.\.\., 7\)"):
        stencil.apply_gradient(np.zeros(6))


def test_a_trace_has_no_single_second_derivatives():
    request = DerivativeRequest(laplacian=(1, 2))
    stencil = make_rule("hutchinson").stencil(3, RNG, request)
    values = np.zeros(stencil.n_nodes)
    with pytest.raises(ArgumentError, match=r"Laplacian over \(1, 2\)"):
        stencil.apply_hessian_diagonal(values)
    with pytest.raises(ArgumentError, match=r"Laplacian over \(1, 2\)"):
        stencil.laplacian(values)
    with pytest.raises(ArgumentError, match=r"dims: \(0, 1\); allowed: \(1, 2\)"):
        stencil.squared_gradient(values, (0, 1))


def test_shapes_are_checked():
    offsets, value, rows = np.zeros((3, 2)), np.zeros(3), np.zeros((2, 3))
    with pytest.raises(ArgumentError, match=r"gradient: shape \(3, 2\); allowed: \(2, 3\)"):
        DerivativeStencil(offsets, value, rows.T, rows)


@pytest.mark.parametrize("name", ["central", "central4", "sparse-grid"])
def test_deterministic_stencils_are_kept_read_only_and_ignore_the_rng(name):
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    first, again = make_rule(name).stencil(3, rng), make_rule(name).stencil(3, rng)
    assert first is again
    assert rng.bit_generator.state == before
    with pytest.raises(ValueError, match="read-only"):
        first.offsets[0, 0] = 1.0


def test_requests_take_lists():
    request = DerivativeRequest(laplacian=[2, 1], mixed=[[0, 1]], directions=[[1, 0, 0]])
    assert request.laplacian == (1, 2)
    assert make_rule("central").stencil(3, RNG, request).partial_weights([1, 0]).any()


def test_reach():
    stencil = make_rule("central4", spacing=0.1).stencil(2, RNG)
    np.testing.assert_allclose(stencil.reach, [0.2, 0.2])


def test_hundred_dimensions_stay_small():
    """Only the offsets are dense: 16 MB; both maps together take less than 2 MB."""
    stencil = make_rule("sparse-grid").stencil(100, RNG)
    assert stencil.n_nodes == 20_201
    size = 0
    for rows in (stencil.gradient, stencil.hessian_diagonal):
        size += rows.matrix.data.nbytes + rows.matrix.indices.nbytes + rows.matrix.indptr.nbytes
    assert size < 2e6
    values = 1 + stencil.offsets.sum(axis=1) + (stencil.offsets**2).sum(axis=1)
    np.testing.assert_allclose(stencil.apply_gradient(values), 1.0, rtol=1e-7)
    np.testing.assert_allclose(stencil.apply_hessian_diagonal(values), 2.0, rtol=1e-6)
    assert stencil.laplacian(values) == pytest.approx(200.0, rel=1e-6)


def test_sparse_rows_equal_their_dense_twin():
    stencil = make_rule("sparse-grid").stencil(4, RNG)
    dense = DerivativeStencil(
        stencil.offsets,
        stencil.value,
        stencil.gradient.toarray(),
        stencil.hessian_diagonal.toarray(),
    )
    values = np.random.default_rng(1).normal(size=(3, stencil.n_nodes))
    close = {"rtol": 1e-10, "atol": 1e-8}
    np.testing.assert_allclose(stencil.apply_gradient(values), dense.apply_gradient(values), **close)
    np.testing.assert_allclose(
        stencil.apply_hessian_diagonal(values), dense.apply_hessian_diagonal(values), **close
    )
    np.testing.assert_allclose(stencil.laplacian(values, (0, 2)), dense.laplacian(values, (0, 2)), **close)
    np.testing.assert_allclose(
        stencil.apply_partial(values, (1, 1)), dense.apply_partial(values, (1, 1)), **close
    )

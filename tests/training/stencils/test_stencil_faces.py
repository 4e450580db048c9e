"""Stencils on the faces of a closed domain: one-sided, as exact and as noisy as documented."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.stencils import RULES, DerivativeRequest, keep_nodes, make_rule

DIM = 4
# Lower face of coordinate 0, upper face of coordinate 2.
CORNER = ((0, 1), (2, -1))
REQUEST = DerivativeRequest(
    mixed=((0, 1), (0, 2), (0, 0, 1), (2, 2, 2)),
    directions=((1.0, -2.0, 0.5, 0.0), (0.0, 1.0, 0.0, 2.0)),
    one_sided=CORNER,
)
CASES = {
    "central": {"spacing": 0.3},
    "central4": {"spacing": 0.3},
    # Directions of a full set give the Laplacian exactly, all dimensions sampled are the central rule.
    "hutchinson": {"spacing": 0.3, "n_directions": 2},
    "sampled-dims": {"spacing": 0.3, "n_dims": 4},
}


def stencil_of(name, request=REQUEST, **changes):
    return make_rule(name, **(CASES[name] | changes)).stencil(DIM, np.random.default_rng(5), request)


class Cubic:
    """A polynomial of degree 3 in all coordinates together, mixed terms included."""

    rng = np.random.default_rng(3)
    tensor = rng.normal(size=(DIM,) * 3)
    half = rng.normal(size=(DIM, DIM))
    slope = rng.normal(size=DIM)

    def __call__(self, x):
        cubic = np.einsum("ijk,...i,...j,...k->...", self.tensor, x, x, x)
        return 0.7 + x @ self.slope + np.einsum("ij,...i,...j->...", self.half, x, x) + cubic

    def symmetric(self):
        t = self.tensor
        return sum(
            np.transpose(t, p) for p in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        )

    def hessian(self, x):
        return self.half + self.half.T + self.symmetric() @ x

    def gradient(self, x):
        pairs = self.half + self.half.T
        return self.slope + pairs @ x + 0.5 * np.einsum("ijk,j,k->i", self.symmetric(), x, x)


@pytest.mark.parametrize("name", CASES)
def test_no_node_leaves_the_domain(name):
    offsets = stencil_of(name).offsets
    assert offsets[:, 0].min() == 0.0
    assert offsets[:, 2].max() == 0.0
    assert offsets[:, 1].min() < 0 < offsets[:, 1].max()
    assert len({row.tobytes() for row in offsets + 0.0}) == len(offsets)
    np.testing.assert_allclose(
        stencil_of(name).extent, [-offsets.min(axis=0), offsets.max(axis=0)], atol=1e-15
    )


def test_cubics_are_exact_at_fourth_order():
    """One-sided differences of order p give a derivative of order q exactly up to degree p + q - 1."""
    u, centre = Cubic(), np.array([0.2, -0.4, 0.1, 0.9])
    stencil = stencil_of("central4")
    values, hessian = u(centre + stencil.offsets), u.hessian(centre)
    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(stencil.apply_gradient(values), u.gradient(centre), **close)
    np.testing.assert_allclose(stencil.apply_hessian_diagonal(values), np.diag(hessian), **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (0, 2)), hessian[0, 2], **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (1, 0, 0)), u.symmetric()[0, 0, 1], **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (2, 2, 2)), u.symmetric()[2, 2, 2], **close)
    a = np.array(REQUEST.directions)
    np.testing.assert_allclose(stencil.apply_curvatures(values), ((a @ hessian) * a).sum(axis=1), **close)


@pytest.mark.parametrize("name", CASES)
def test_quadratics_are_exact(name):
    """First and second derivatives, mixed ones, Laplacian and curvatures, in a corner of the box."""
    half = np.random.default_rng(2).normal(size=(DIM, DIM))
    if name == "hutchinson":
        # What directions leave of mixed derivatives averages out over draws only.
        half = np.diag(np.diag(half))
    slope, hessian, centre = np.arange(1.0, 5.0), half + half.T, np.array([0.2, -0.4, 0.1, 0.9])
    stencil = stencil_of(name)
    x = centre + stencil.offsets
    values = x @ slope + np.einsum("ij,...i,...j->...", half, x, x)
    gradient = slope + hessian @ centre
    close = {"rtol": 1e-10, "atol": 1e-10}
    for i in (0, 2):
        np.testing.assert_allclose(stencil.apply_partial(values, (i,)), gradient[i], **close)
        np.testing.assert_allclose(stencil.apply_partial(values, (i, i)), hessian[i, i], **close)
    np.testing.assert_allclose(stencil.laplacian(values), np.trace(hessian), **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (0, 1)), hessian[0, 1], **close)
    a = np.array(REQUEST.directions)
    np.testing.assert_allclose(stencil.apply_curvatures(values), ((a @ hessian) * a).sum(axis=1), **close)
    if name != "hutchinson":
        np.testing.assert_allclose(stencil.squared_gradient(values), gradient @ gradient, **close)


@pytest.mark.parametrize(
    ("name", "kind", "factor"),
    [
        ("central", (0,), -1 / 3),
        ("central", (0, 0), -11 / 12),
        ("central4", (0,), -1 / 5),
        ("central4", (0, 0), -137 / 180),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_documented_leading_error(name, kind, factor, side):
    """Factor h^p u^(q + p), the same on a lower and on an upper face; it falls by 2^p with h."""
    order, derivative, x0 = (4 if name == "central4" else 2), len(kind), 0.4
    request, errors = DerivativeRequest(one_sided=((0, side),)), []
    for spacing in (0.02, 0.01):
        stencil = stencil_of(name, request, spacing=spacing)
        values = np.sin(x0 + stencil.offsets[:, 0])
        errors.append(stencil.apply_partial(values, kind) - np.sin(x0 + derivative * np.pi / 2))
    expected = factor * 0.01**order * np.sin(x0 + (derivative + order) * np.pi / 2)
    # The next order is of relative size h.
    assert errors[1] == pytest.approx(expected, rel=0.06)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(
    ("name", "gradient", "second"),
    [
        ("central", np.sqrt(6.5), np.sqrt(46)),
        ("central4", np.sqrt((25**2 + 48**2 + 36**2 + 16**2 + 3**2) / 144), 26.312),
    ],
)
def test_documented_noise_gains(name, gradient, second):
    """In units of s / h and s / h^2; and on a Laplacian of which one coordinate is one-sided."""
    stencil = stencil_of(name, DerivativeRequest(one_sided=((0, 1),)), spacing=1.0)
    assert np.linalg.norm(stencil.partial_weights((0,))) == pytest.approx(gradient)
    assert np.linalg.norm(stencil.partial_weights((0, 0))) == pytest.approx(second, abs=5e-3)
    if name == "central":
        # The centre carries 2 - 2 (d - 1), the face -5, 4, -1, the others 1 on either side.
        expected = np.sqrt((2 - 2 * 3) ** 2 + 25 + 16 + 1 + 2 * 3)
        assert np.linalg.norm(stencil.laplacian_weights()) == pytest.approx(expected)
        noise = 0.01 * np.random.default_rng(0).normal(size=(4000, stencil.n_nodes))
        assert np.std(stencil.laplacian(noise)) == pytest.approx(0.01 * expected, rel=4 / np.sqrt(8000))


@pytest.mark.parametrize("target", ["gradient", "hessian", "laplacian"])
@pytest.mark.parametrize("name", ["central", "central4"])
def test_automatic_spacing_against_a_scan(name, target):
    """The model's optimum is that of the true squared error of exp, whose derivatives are all alike."""
    noise, request = 1e-9, DerivativeRequest(one_sided=((0, 1),))
    dims = 1 if target != "laplacian" else DIM

    def squared_error(spacing):
        stencil = stencil_of(name, request, spacing=spacing)
        values = np.exp(stencil.offsets[:, :dims]).sum(axis=1)
        if target == "laplacian":
            weights = stencil.laplacian_weights()
        else:
            weights = stencil.partial_weights((0,) if target == "gradient" else (0, 0))
        # Signs of one-sided and central errors differ, and the model adds sizes: so do their parts here.
        parts = [abs(weights @ values - dims)]
        if target == "laplacian":
            axes = [np.exp(stencil.offsets[:, i]) for i in range(DIM)]
            rows = [stencil.partial_weights((i, i)) for i in range(DIM)]
            parts = [abs(row @ axis - 1.0) for row, axis in zip(rows, axes, strict=True)]
        return sum(parts) ** 2 + noise**2 * (weights**2).sum()

    rule = make_rule(name, spacing="auto", noise_std=noise, target=target)
    chosen = rule.resolved_spacing(DIM, request)
    assert chosen < rule.resolved_spacing(DIM) or target == "gradient"
    scan = chosen * np.geomspace(0.5, 2, 31)
    errors = [squared_error(h) for h in scan]
    assert chosen == pytest.approx(scan[int(np.argmin(errors))], rel=0.12)
    assert squared_error(chosen) <= 1.05 * min(errors)


def test_random_directions_at_a_face_have_the_right_means():
    """Laplacian and squared gradient over all coordinates, one of them one-sided; 4 sigma at a fixed seed."""
    u, centre, rng = Cubic(), np.array([0.2, -0.4, 0.1, 0.9]), np.random.default_rng(0)
    rule = make_rule("hutchinson", spacing=1e-3, n_directions=1)
    request = DerivativeRequest(one_sided=((0, 1),))
    traces, squares = [], []
    for _ in range(2000):
        stencil = rule.stencil(DIM, rng, request)
        values = u(centre + stencil.offsets)
        traces.append(stencil.laplacian(values))
        squares.append(stencil.squared_gradient(values))
    for samples, truth in (
        (traces, np.trace(u.hessian(centre))),
        (squares, u.gradient(centre) @ u.gradient(centre)),
    ):
        assert abs(np.mean(samples) - truth) < 4 * np.std(samples) / np.sqrt(len(samples)) + 1e-4


@pytest.mark.parametrize("name", ["hutchinson", "central"])
def test_every_coordinate_may_be_one_sided(name):
    request = DerivativeRequest(one_sided=tuple((i, -1) for i in range(DIM)))
    stencil = stencil_of(name, request)
    values = ((stencil.offsets - 0.5) ** 2).sum(axis=1)
    assert stencil.laplacian(values) == pytest.approx(2.0 * DIM)
    assert stencil.squared_gradient(values) == pytest.approx(1.0 * DIM)
    assert stencil.offsets.max() == 0.0


@pytest.mark.parametrize("name", ["sparse-grid", "stein-mc"])
def test_smoothing_rules_need_both_sides(name):
    request = DerivativeRequest(one_sided=((0, 1),))
    message = f"derivatives: '{name}' on a face of a closed domain.*allowed: central, central4, hutchinson"
    with pytest.raises(ArgumentError, match=message):
        make_rule(name).stencil(2, np.random.default_rng(0), request)
    with pytest.raises(ArgumentError, match=message):
        make_rule(name).error_model(2, request)


@pytest.mark.parametrize(
    ("one_sided", "message"),
    [
        (((2, 1),), r"request one_sided: \(2,\); allowed: at least one of 0\.\.1"),
        (((0, 1), (0, -1)), r"request one_sided: \(0, 0\); allowed: .* each at most once"),
        (((0, 2),), r"request one_sided: \(0, 2\); allowed: side 1 or -1"),
    ],
)
def test_bad_sides(one_sided, message):
    with pytest.raises(ArgumentError, match=message):
        make_rule("central").stencil(2, np.random.default_rng(0), DerivativeRequest(one_sided=one_sided))


@pytest.mark.parametrize("name", ["central", "sparse-grid"])
def test_nodes_without_use_are_left_out(name):
    stencil = make_rule(name).stencil(3, np.random.default_rng(0))
    weights = stencil.partial_weights((1,))
    kept = keep_nodes(stencil, weights != 0)
    values = np.random.default_rng(1).normal(size=stencil.n_nodes)
    assert kept.n_nodes == np.count_nonzero(weights) < stencil.n_nodes
    assert kept.apply_partial(values[weights != 0], (1,)) == pytest.approx(weights @ values)
    assert keep_nodes(stencil, np.ones(stencil.n_nodes, dtype=bool)) is stencil


@pytest.mark.parametrize("name", RULES.names())
def test_what_other_nodes_weigh_stays_what_it_is(name):
    request = DerivativeRequest(laplacian=(1, 2, 3, 4), mixed=((0, 1),), directions=((1.0, 0, 2.0, 0, 0),))
    stencil = make_rule(name).stencil(5, np.random.default_rng(0), request)
    used = np.random.default_rng(1).random(stencil.n_nodes) < 0.5
    kept = keep_nodes(stencil, used)
    assert kept.n_nodes == used.sum()
    # A function that is zero at the nodes that are left out.
    values = np.where(used, np.random.default_rng(2).normal(size=stencil.n_nodes), 0.0)
    for apply in (
        lambda s, u: s.apply_value(u),
        lambda s, u: s.apply_gradient(u),
        lambda s, u: s.laplacian(u, (1, 2, 3, 4)),
        lambda s, u: s.squared_gradient(u, (1, 2, 3, 4)),
        lambda s, u: s.apply_partial(u, (0, 1)),
        lambda s, u: s.apply_curvatures(u),
    ):
        np.testing.assert_allclose(apply(kept, values[used]), apply(stencil, values), rtol=1e-9, atol=1e-9)

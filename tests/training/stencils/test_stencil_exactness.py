"""Every rule on polynomials it must get exactly right, and its order of convergence."""

import numpy as np
import pytest

from photonzero.training.stencils import DerivativeRequest, make_rule

DIM = 4
RNG = np.random.default_rng(11)
DETERMINISTIC = {
    "central": {"spacing": 0.3},
    "central4": {"spacing": 0.3},
    "sparse-grid": {"sigma": 0.3, "level": 4},
    "sparse-grid nested": {"sigma": 0.3, "level": 4, "family": "kronrod-patterson"},
}


def rule_of(case, **changes):
    return make_rule(case.split()[0], **(DETERMINISTIC[case] | changes))


class Quadratic:
    """c + b.x + x^T A x / 2, with all its derivatives."""

    def __init__(self, dim, rng):
        half = rng.normal(size=(dim, dim))
        self.constant, self.slope, self.hessian = 0.7, rng.normal(size=dim), half + half.T

    def __call__(self, x):
        return self.constant + x @ self.slope + 0.5 * ((x @ self.hessian) * x).sum(axis=-1)

    def gradient(self, x):
        return self.slope + x @ self.hessian


class Wave:
    """sin of a linear form: every derivative is known."""

    wave = np.array([0.9, -0.5, 0.7, 0.4])
    phase = 0.3

    def partial(self, coordinates, x):
        n = len(coordinates)
        return np.prod(self.wave[list(coordinates)]) * np.sin(x @ self.wave + self.phase + n * np.pi / 2)


REQUEST = DerivativeRequest(
    mixed=((0, 1), (2, 1, 0), (3, 0, 3), (2, 2, 2), (1, 1)),
    directions=((1.0, -2.0, 0.5, 0.0), (0.0, 0.0, 1.0, 0.0)),
)


@pytest.mark.parametrize("case", DETERMINISTIC)
def test_quadratics_are_exact(case):
    u = Quadratic(DIM, np.random.default_rng(3))
    centre = np.array([0.2, -0.4, 0.1, 0.9])
    stencil = rule_of(case).stencil(DIM, RNG, REQUEST)
    values = u(centre + stencil.offsets)
    a = np.array(REQUEST.directions)
    close = {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(stencil.apply_gradient(values), u.gradient(centre), **close)
    np.testing.assert_allclose(stencil.apply_hessian_diagonal(values), np.diag(u.hessian), **close)
    np.testing.assert_allclose(stencil.laplacian(values), np.trace(u.hessian), **close)
    np.testing.assert_allclose(stencil.laplacian(values, (1, 3)), u.hessian[1, 1] + u.hessian[3, 3], **close)
    np.testing.assert_allclose(
        stencil.squared_gradient(values, (0, 2)), (u.gradient(centre)[[0, 2]] ** 2).sum(), **close
    )
    np.testing.assert_allclose(stencil.apply_directional(values, a[0]), a[0] @ u.gradient(centre), **close)
    np.testing.assert_allclose(stencil.apply_curvatures(values), ((a @ u.hessian) * a).sum(axis=1), **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (1, 0)), u.hessian[0, 1], **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (3, 3)), u.hessian[3, 3], **close)
    np.testing.assert_allclose(stencil.apply_partial(values, (2, 2, 2)), 0, atol=1e-10)
    np.testing.assert_allclose(stencil.apply_partial(values, ()), stencil.apply_value(values))


@pytest.mark.parametrize("case", DETERMINISTIC)
def test_third_derivatives_of_cubics_are_exact(case):
    stencil = rule_of(case).stencil(DIM, RNG, REQUEST)
    x = stencil.offsets + np.array([0.2, -0.4, 0.1, 0.9])
    values = 3 * x[:, 0] * x[:, 1] * x[:, 2] + 2 * x[:, 3] ** 2 * x[:, 0] + x[:, 2] ** 3
    assert stencil.apply_partial(values, (0, 1, 2)) == pytest.approx(3, rel=1e-10)
    assert stencil.apply_partial(values, (0, 3, 3)) == pytest.approx(4, rel=1e-10)
    assert stencil.apply_partial(values, (2, 2, 2)) == pytest.approx(6, rel=1e-10)


def test_stein_estimates_the_smoothed_function():
    """x^4 smoothed is 3 s^4 + 6 s^2 x^2 + x^4, with the second derivative 12 x^2 + 12 s^2."""
    sigma, x0 = 0.4, 0.7
    stencil = make_rule("sparse-grid", sigma=sigma, level=4).stencil(2, RNG)
    values = (x0 + stencil.offsets[:, 0]) ** 4
    expected = x0**4 + 6 * sigma**2 * x0**2 + 3 * sigma**4
    assert stencil.apply_value(values) == pytest.approx(expected, rel=1e-12)
    assert stencil.apply_gradient(values)[0] == pytest.approx(4 * x0**3 + 12 * sigma**2 * x0)
    second = stencil.apply_hessian_diagonal(values)
    np.testing.assert_allclose(second, [12 * (x0**2 + sigma**2), 0], atol=1e-11)


ORDERS = {"central": 2, "central4": 4, "sparse-grid": 2, "sparse-grid nested": 2}


@pytest.mark.parametrize("case", ORDERS)
def test_order_of_convergence(case):
    """The error falls by 2^p when the spacing is halved, for each kind of derivative."""
    u, centre = Wave(), np.array([0.2, -0.4, 0.1, 0.9])
    kinds = [(0,), (1, 1), (0, 1), (0, 1, 2), (0, 3, 3)]
    errors = []
    for spacing in (0.2, 0.1):
        length = "sigma" if case.startswith("sparse") else "spacing"
        rule = rule_of(case, **{length: spacing})
        stencil = rule.stencil(DIM, RNG, DerivativeRequest(mixed=tuple(kinds)))
        values = u.partial((), centre + stencil.offsets)
        errors.append(
            [stencil.apply_partial(values, kind) - u.partial(kind, centre) for kind in kinds]
            + [stencil.laplacian(values) - sum(u.partial((i, i), centre) for i in range(DIM))]
        )
    slopes = np.log2(np.abs(errors[0]) / np.abs(errors[1]))
    np.testing.assert_allclose(slopes, ORDERS[case], atol=0.08)


@pytest.mark.parametrize(
    ("case", "kind", "factor"),
    [
        ("central", (0,), 1 / 6),
        ("central", (0, 0), 1 / 12),
        ("central4", (0,), -1 / 30),
        ("central4", (0, 0), -1 / 90),
        ("sparse-grid", (0,), 1 / 2),
        ("sparse-grid", (0, 0), 1 / 2),
    ],
)
def test_leading_error(case, kind, factor):
    """The documented truncation, factor h^p D^(q + p) u, for a function of one coordinate."""
    spacing = 0.02
    stencil = rule_of(case, **{"sigma" if "sparse" in case else "spacing": spacing}).stencil(2, RNG)
    order, derivative, x0 = ORDERS[case], len(kind), 0.4
    values = np.sin(x0 + stencil.offsets[:, 0])
    error = stencil.apply_partial(values, kind) - np.sin(x0 + derivative * np.pi / 2)
    expected = factor * spacing**order * np.sin(x0 + (derivative + order) * np.pi / 2)
    assert error == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("name", "options", "dim", "nodes"),
    [
        ("central", {}, 21, 43),
        ("central4", {}, 21, 85),
        ("sparse-grid", {"level": 3}, 21, 925),
        ("sparse-grid", {"level": 3}, 2, 13),
        ("sparse-grid", {"level": 3, "family": "kronrod-patterson"}, 21, 883),
        ("stein-mc", {"n_pairs": 32}, 21, 65),
        ("hutchinson", {"n_directions": 3}, 21, 7),
        ("sampled-dims", {"n_dims": 5}, 21, 11),
    ],
)
def test_cost_in_inferences(name, options, dim, nodes):
    assert make_rule(name, **options).stencil(dim, np.random.default_rng(0)).n_nodes == nodes


def test_requested_nodes_are_shared():
    """A mixed derivative needs its four corners only; nodes of the stencil are used again."""
    request = DerivativeRequest(mixed=((0, 1), (1, 1), (0, 1)))
    stencil = make_rule("central").stencil(3, RNG, request)
    assert stencil.n_nodes == 7 + 4
    assert len({row.tobytes() for row in stencil.offsets + 0.0}) == stencil.n_nodes


@pytest.mark.parametrize("name", ["central", "central4", "sparse-grid"])
def test_leading_shapes_pass_through(name):
    stencil = make_rule(name).stencil(3, RNG)
    values = np.random.default_rng(0).normal(size=(2, 5, stencil.n_nodes))
    assert stencil.apply_value(values).shape == (2, 5)
    assert stencil.apply_gradient(values).shape == (2, 5, 3)
    assert stencil.apply_hessian_diagonal(values).shape == (2, 5, 3)
    assert stencil.laplacian(values).shape == (2, 5)
    assert stencil.squared_gradient(values).shape == (2, 5)
    one = stencil.apply_hessian_diagonal(values[1, 2])
    np.testing.assert_allclose(stencil.apply_hessian_diagonal(values)[1, 2], one, rtol=1e-12)


def test_mirrored_nodes_of_the_published_formula():
    """Sum over all nodes equals the published form with u+ and u-, on values of no symmetry."""
    dim, sigma = 5, 0.2
    stencil = make_rule("sparse-grid", sigma=sigma).stencil(dim, RNG)
    from photonzero.training.quadrature import smolyak

    grid = smolyak(dim, 3)
    u = np.random.default_rng(2).normal(size=stencil.n_nodes)
    d, w, mirrored = stencil.offsets, grid.weights, u[grid.mirror]
    gradient = (w * (u - mirrored)) @ d / (2 * sigma**2)
    hessian = (w * (u + mirrored - 2 * u[0])) @ (d**2 - sigma**2) / (2 * sigma**4)
    np.testing.assert_allclose(stencil.apply_gradient(u), gradient, rtol=1e-10)
    np.testing.assert_allclose(stencil.apply_hessian_diagonal(u), hessian, rtol=1e-10)

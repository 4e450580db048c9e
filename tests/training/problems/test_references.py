"""References against other methods; the contract of problems holds each against its own PDE."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline

from photonzero.training.errors import ProblemError
from photonzero.training.objective import PinnObjective
from photonzero.training.objective.verify import verify_reference
from photonzero.training.problems import PDE, Condition, get_problem
from photonzero.training.problems._finite_volumes import finite_volumes, padded, solve_finite_volumes
from photonzero.training.problems.allen_cahn_line import DIFFUSION, reference_values
from photonzero.training.problems.basket import geometric_call
from photonzero.training.problems.burgers import VISCOSITY, cole_hopf
from photonzero.training.problems.darcy import two_materials
from photonzero.training.problems.darcy_random import random_log_permeability
from photonzero.training.problems.heat import Heat
from photonzero.training.problems.hjb_log import HJBLog, cole_hopf_monte_carlo
from photonzero.training.problems.ridge import ridge_directions
from photonzero.training.stencils import make_rule


def test_a_wrong_pde_is_found():
    class WrongDiffusion(Heat):
        def residual(self, at, u):
            return u.t - u.xx

    class WrongStart(Heat):
        def conditions(self):
            return [Condition("initial", {"t": 0.0}, lambda at, u: u - np.cos(np.pi * at.x))]

    assert not verify_reference(WrongDiffusion())[0].agrees
    start = verify_reference(WrongStart())
    assert start[0].agrees
    assert not start[1].agrees


def test_a_reference_of_a_closed_domain_is_asked_inside_only():
    class Cooling(PDE):
        """u_t = u_xx with insulated walls; the root has no values for t < 0."""

        domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012
        closed = True
        wall = 0.0

        def residual(self, at, u):
            return u.t - u.xx - 1.5 * np.sqrt(at.t) - 2.0

        def conditions(self):
            return [
                Condition("walls", {"x": [0.0, 1.0]}, lambda at, u: u.x + 2 * (at.x == 1.0) - self.wall),
                Condition("rest", {"t": 0.0}, lambda at, u: u.t),
            ]

        def exact(self, at):
            inside = (at.t >= 0) & (at.x >= 0) & (at.x <= 1)
            return np.where(inside, np.abs(at.t) ** 1.5 - at.x**2, np.nan)

    class WrongWall(Cooling):
        wall = 0.1

    assert all(row.agrees for row in verify_reference(Cooling())[:2])
    assert not verify_reference(WrongWall())[1].agrees


@pytest.mark.parametrize("n", [3, 6, 20])
def test_directions_of_ridges_are_orthonormal_and_mix_all_coordinates(n):
    directions = ridge_directions(n)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-12)
    assert (np.abs(directions) > 1e-3).any(axis=0).all()


def test_no_reference_is_an_error():
    class Unsolved(PDE):
        domain = {"x": (0.0, 1.0)}  # noqa: RUF012

        def residual(self, at, u):
            return u.xx

    with pytest.raises(ProblemError, match="Unsolved: no exact solution; allowed"):
        verify_reference(Unsolved())


@pytest.mark.parametrize("n_space", [3, 20, 100])
def test_hjb_log_quadrature_is_the_cole_hopf_mean(n_space):
    rng = np.random.default_rng(0)
    problem = HJBLog(n_space)
    points = problem.sample(6, rng)
    mean, error = cole_hopf_monte_carlo(points, 20_000, rng)
    assert (error < 1e-2).all()
    assert (np.abs(problem.reference(points)[:, 0] - mean) < 4 * error + 1e-12).all()
    points[:, -1] = 1.0
    terminal = np.log((1 + (points[:, :-1] ** 2).sum(axis=1)) / 2)
    np.testing.assert_allclose(problem.reference(points)[:, 0], terminal, rtol=1e-10)


def test_burgers_by_a_finite_difference_solver():
    # Method of lines up to t = 0.2, before the shock: 401 points resolve it.
    x = np.linspace(-1, 1, 401)
    h = x[1] - x[0]

    def slope(t, u):
        du = np.zeros_like(u)
        inner = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
        du[1:-1] = VISCOSITY * inner - u[1:-1] * (u[2:] - u[:-2]) / (2 * h)
        return du

    u = solve_ivp(slope, (0, 0.2), -np.sin(np.pi * x), method="LSODA", rtol=1e-8, atol=1e-10).y[:, -1]
    expected = cole_hopf(x, np.full(x.shape, 0.2))
    assert np.abs(u - expected).max() < 1e-3
    # More nodes change nothing, in the shock either.
    late = np.linspace(-0.02, 0.02, 21)
    one = np.ones(21)
    np.testing.assert_allclose(cole_hopf(late, one, 128), cole_hopf(late, one, 200), atol=2e-4)


def test_allen_cahn_by_a_finite_difference_solver_and_by_its_own_refinement():
    x, times = np.linspace(-1, 1, 201), np.linspace(0, 1, 501)
    own = reference_values(x, times)
    finer = reference_values(x, times, n_nodes=500, n_steps=8)
    # The reference claims a relative error of 1e-6; u is of order 1.
    assert np.abs(own - finer).max() < 1e-6
    problem = get_problem("allen-cahn")
    points = np.stack(np.meshgrid(x, times[::50], indexing="ij"), axis=-1)
    np.testing.assert_allclose(problem.reference(points)[..., 0], own[::50].T, atol=1e-6)

    def by_differences(n):
        nodes = np.linspace(-1, 1, n)

        def slope(t, u):
            du = np.zeros_like(u)
            bent = (u[2:] - 2 * u[1:-1] + u[:-2]) / (nodes[1] - nodes[0]) ** 2
            du[1:-1] = DIFFUSION * bent + 5 * (u[1:-1] - u[1:-1] ** 3)
            return du

        start = nodes**2 * np.cos(np.pi * nodes)
        found = solve_ivp(slope, (0, 1), start, method="LSODA", lband=1, uband=1, rtol=1e-8, atol=1e-10)
        return found.y[:: (n - 1) // 200, -1]

    errors = [np.abs(by_differences(n) - own[-1]).max() for n in (401, 801)]
    # Second order in the distance of nodes: a quarter.
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)


def test_burgers_is_measured_at_the_shock_and_judged_everywhere():
    problem = get_problem("burgers")
    objective = PinnObjective(problem, make_rule("central"), 1000, 0)
    measured, judged = (np.abs(x[:, 0]) < 0.1 for x in (objective.blocks[0].points, objective.test_points))
    # Half of the points within two standard deviations, a tenth of the others.
    assert measured.mean() == pytest.approx(0.954 / 2 + 0.1 / 2, abs=0.04)
    assert judged.mean() == pytest.approx(0.1, abs=0.015)
    assert (np.abs(objective.blocks[0].points[:, 0]) <= 1.0).all()


def test_basket_by_monte_carlo():
    rng = np.random.default_rng(1)
    x = np.array([0.1, -0.2, 0.3, 0.0, -0.1])
    time, n, rho, sigma, rate = 0.8, 200_000, 0.3, 0.2, 0.05
    root = np.linalg.cholesky(rho + (1 - rho) * np.eye(5))
    z = rng.standard_normal((n, 5)) @ root.T
    final = x + (rate - sigma**2 / 2) * time + sigma * np.sqrt(time) * z
    pay = np.exp(-rate * time) * np.maximum(np.exp(final.mean(axis=1)) - 1, 0)
    error = pay.std() / np.sqrt(n)
    assert abs(geometric_call(x, np.array(time)) - pay.mean()) < 4 * error


def test_finite_volumes_converge_and_conserve():
    # One material: the series solution of -3 lap u = 10 at the middle of the square.
    u = solve_finite_volumes(np.full((65, 65), 3.0))[32, 32]
    odd = np.arange(1, 200, 2)
    m, n = np.meshgrid(odd, odd)
    series = 16 / np.pi**4 * np.sin(m * np.pi / 2) * np.sin(n * np.pi / 2) / (m * n * (m**2 + n**2))
    assert u == pytest.approx(10 / 3 * series.sum(), rel=4e-4)
    # Halving the cells: second order for a smooth permeability, first order for a jump.
    points = np.random.default_rng(0).random((2000, 2))
    smooth = []
    for cells in (32, 64, 128):
        centers = (np.arange(cells) + 0.5) / cells
        a = np.exp(random_log_permeability(*np.meshgrid(centers, centers, indexing="ij"))[0])
        places, values = padded(solve_finite_volumes(a))
        smooth.append(RectBivariateSpline(places, places, values).ev(*points.T))
    assert np.linalg.norm(smooth[2] - smooth[1]) < 0.3 * np.linalg.norm(smooth[1] - smooth[0])
    jump = [finite_volumes(two_materials, cells)[0](points) for cells in (64, 128, 256)]
    changes = [np.linalg.norm(b - a) / np.linalg.norm(jump[2]) for a, b in pairwise(jump)]
    assert changes[1] < changes[0]
    assert changes[1] < 3e-3
    # What flows out through the sides is what the source brings in: 10 on a unit square.
    _, flux_x, flux_y = finite_volumes(two_materials, 64)
    centers = (np.arange(64) + 0.5) / 64
    sides = [
        flux_x(np.stack([np.full(64, s), centers], axis=1)).mean() * (1 if s else -1) for s in (0.0, 1.0)
    ] + [flux_y(np.stack([centers, np.full(64, s)], axis=1)).mean() * (1 if s else -1) for s in (0.0, 1.0)]
    assert sum(sides) == pytest.approx(10.0, rel=1e-9)


def test_errors_of_systems():
    flow = get_problem("kovasznay")
    exact = flow.reference(flow.sample(50, np.random.default_rng(0)))
    shifted = exact + np.array([0.0, 0.0, 5.0])
    assert flow.relative_error(shifted, exact) < 1e-14
    assert flow.relative_error(exact + np.array([0.1, 0.0, 0.0]), exact) > 0.01
    darcy = get_problem("darcy")
    values = np.ones((4, 3))
    assert darcy.relative_error(values + np.array([0.0, 9.0, 9.0]), values) == 0.0

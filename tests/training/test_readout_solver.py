"""Least squares in the readout against the plain formulas."""

import numpy as np

from photonzero.training.readout import ReadoutSolver

R = 60
SCALE = np.array([1.0, 0.5, 2.0])


def case():
    rng = np.random.default_rng(3)
    columns, residual = rng.standard_normal((R, 3)), rng.standard_normal(R)
    return ReadoutSolver(columns, SCALE, np.zeros((3, 3))), columns, residual


def test_without_damping_it_is_least_squares():
    solver, columns, residual = case()
    factor = solver.factor(1e-12)
    step = solver.step(factor, residual)
    np.testing.assert_allclose(step, np.linalg.lstsq(columns, -residual, rcond=None)[0], atol=1e-9)
    np.testing.assert_allclose(solver.fitted(factor, residual), residual + columns @ step, atol=1e-12)
    # What is left of other columns has nothing that the readout could still take off.
    left = solver.reduce(factor, residual[:, None])
    np.testing.assert_allclose(columns.T @ left, 0.0, atol=1e-9)


def test_damping_shortens_the_step_in_units_of_the_scales():
    solver, columns, residual = case()
    divisor = np.sqrt(((columns * SCALE) ** 2).sum() / R)
    scaled = columns * SCALE / divisor
    wanted = -np.linalg.solve(scaled.T @ scaled + 5.0 * np.eye(3), scaled.T @ residual) * SCALE / divisor
    np.testing.assert_allclose(solver.step(solver.factor(5.0), residual), wanted, rtol=1e-9)


def test_optimism_is_that_of_leaving_each_point_out():
    solver, columns, residual = case()
    factor = solver.factor(1e-12)
    left_out = []
    for row in range(R):
        others = np.arange(R) != row
        step = np.linalg.lstsq(columns[others], -residual[others], rcond=None)[0]
        left_out.append(residual[row] + columns[row] @ step)
    own = solver.fitted(factor, residual)
    wanted = np.mean(np.square(left_out)) - np.mean(own**2)
    np.testing.assert_allclose(solver.optimism(factor, residual), wanted, rtol=1e-6)


def test_what_earlier_batches_said_holds_a_new_one_back():
    _, columns, residual = case()
    known = 1e6 * np.diag([1.0, 0.0, 0.0])
    solver = ReadoutSolver(columns, SCALE, known)
    step = solver.step(solver.factor(1.0), residual)
    free = ReadoutSolver(columns, SCALE, np.zeros((3, 3)))
    assert abs(step[0]) < 1e-3 * abs(free.step(free.factor(1.0), residual)[0])

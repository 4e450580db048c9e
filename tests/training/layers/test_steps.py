"""The priced readout and damped steps, on problems whose answers are known."""

import numpy as np
import pytest

from photonzero.training.layers.places import Places
from photonzero.training.layers.priced_readout import (
    operator_size,
    reduced_model,
    solved_readout,
    with_noise_rows,
)
from photonzero.training.layers.steps import damped_steps


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    columns, residual, start = rng.standard_normal((40, 6)), rng.standard_normal(40), rng.standard_normal(6)
    half = rng.standard_normal((6, 6))
    return residual, columns, start, half


def test_the_readout_is_that_of_one_large_least_squares_problem(problem):
    residual, columns, start, half = problem
    solution = solved_readout(residual, columns, start, half.T @ half, 1e-2)
    scale = np.sqrt(1e-2 * (columns**2).sum() / 6)
    rows = np.concatenate([columns, half, scale * np.eye(6)])
    right = np.concatenate([residual - columns @ start, np.zeros(12)])
    expected, value, *_ = np.linalg.lstsq(rows, -right, rcond=None)
    np.testing.assert_allclose(solution.readout, expected, rtol=1e-9)
    assert solution.value == pytest.approx(value[0], rel=1e-9)


def test_the_reduced_model_is_what_is_left_once_the_readout_has_answered(problem):
    residual, columns, start, half = problem
    jacobian = np.random.default_rng(1).standard_normal((40, 3))
    noise = 100.0 * half.T @ half
    solution = solved_readout(residual, columns, start, noise, 1e-2)
    model = reduced_model(solution, jacobian)
    change = np.array([0.3, -0.2, 0.1])
    moved = solved_readout(solution.residual + jacobian @ change, columns, solution.readout, noise, 1e-2)
    expected = solution.value + 2 * model.slope @ change + change @ model.curvature @ change
    assert moved.value == pytest.approx(expected, rel=1e-9)


def test_rows_of_noise_stand_for_its_form(problem):
    residual, columns, start, half = problem
    jacobian = np.random.default_rng(1).standard_normal((40, 3))
    solution = solved_readout(residual, columns, start, half.T @ half, 1e-2)
    stacked = with_noise_rows(solution, half, 1e-2)
    value = stacked.residual @ stacked.residual + stacked.readout @ stacked.penalty @ stacked.readout
    assert value == pytest.approx(solution.value, rel=1e-9)
    of_rows = reduced_model(stacked, np.concatenate([jacobian, np.zeros((6, 3))]))
    of_form = reduced_model(solution, jacobian)
    np.testing.assert_allclose(of_rows.curvature, of_form.curvature, rtol=1e-8)
    np.testing.assert_allclose(of_rows.slope, of_form.slope, rtol=1e-6, atol=1e-9)


def test_without_any_effect_the_readout_is_zero():
    solution = solved_readout(np.ones(5), np.zeros((5, 2)), np.ones(2), np.zeros((2, 2)), 1e-6)
    np.testing.assert_array_equal(solution.readout, 0.0)


def test_the_price_of_an_operator_that_multiplies():
    values = np.random.default_rng(2).standard_normal((30, 4))
    assert operator_size(-7.0 * values, values, np.ones(4)) == pytest.approx(49.0)
    assert operator_size(values, np.zeros((30, 4)), np.ones(4)) == 0.0


def test_undamped_steps_minimise_and_stay_in_range():
    rng = np.random.default_rng(3)
    jacobian, residual = rng.standard_normal((30, 4)), rng.standard_normal(30)
    solution = solved_readout(residual, np.zeros((30, 1)), np.zeros(1), np.zeros((1, 1)), 1e-6)
    model = reduced_model(solution, jacobian)
    best = np.linalg.lstsq(jacobian, -residual, rcond=None)[0]
    controls = np.concatenate([np.zeros(2), np.full(4, 3.0)])
    free = Places(np.arange(2, 6), np.zeros(4), np.full(4, -9.0), np.full(4, 9.0))
    (moved,) = damped_steps(model, controls, free, [1e-12])
    np.testing.assert_allclose(moved[2:], 3.0 + best, rtol=1e-6)
    assert not moved[:2].any()
    held = Places(np.arange(2, 6), np.zeros(4), np.full(4, 3.0), np.full(4, 9.0))
    (moved,) = damped_steps(model, controls, held, [1e-12])
    assert (moved[2:] >= 3.0).all()


def test_where_a_range_ends_the_other_controls_make_up_for_it():
    rng = np.random.default_rng(5)
    jacobian, residual = rng.standard_normal((60, 20)), 3.0 * rng.standard_normal(60)
    # Columns much alike: one that is cut off leaves the others far too long.
    jacobian += 3.0 * rng.standard_normal((60, 1))
    solution = solved_readout(residual, np.zeros((60, 1)), np.zeros(1), np.zeros((1, 1)), 1e-6)
    model = reduced_model(solution, jacobian)
    places = Places(np.arange(20), np.zeros(20), np.full(20, -0.3), np.full(20, 0.4))
    (moved,) = damped_steps(model, np.zeros(20), places, [1e-12])
    assert (moved >= -0.3).all()
    assert (moved <= 0.4).all()
    inside = (moved > -0.3) & (moved < 0.4)
    assert 3 < inside.sum() < 20
    # Those that are free stand where the rest leaves them nothing to gain.
    gradient = jacobian.T @ (residual + jacobian @ moved)
    np.testing.assert_allclose(gradient[inside], 0.0, atol=1e-8 * np.abs(gradient).max())

    def value(x):
        return float(((residual + jacobian @ x) ** 2).sum())

    assert value(moved) < value(np.clip(np.linalg.lstsq(jacobian, -residual, rcond=None)[0], -0.3, 0.4))


def test_rounding_in_the_metric_of_the_model_beats_nearest_codes():
    rng = np.random.default_rng(4)
    jacobian, residual = rng.standard_normal((60, 30)) @ np.diag(np.logspace(0, -1, 30)), np.ones(60)
    solution = solved_readout(residual, np.zeros((60, 1)), np.zeros(1), np.zeros((1, 1)), 1e-6)
    model = reduced_model(solution, jacobian)
    step = 0.2
    places = Places(np.arange(30), np.full(30, step), np.zeros(30), np.full(30, 2 * np.pi))
    controls = np.full(30, 15 * step)
    (moved,) = damped_steps(model, controls, places, [1e-3])
    np.testing.assert_allclose(moved / step, np.round(moved / step), atol=1e-9)
    assert moved.max() < 2 * np.pi - step / 2
    without_grid = Places(places.index, 0 * places.grid, places.low, places.high)
    (exact,) = damped_steps(model, controls, without_grid, [1e-3])
    nearest = places.within(step * np.round(exact / step))

    def value(x):
        return float(((residual + jacobian @ (x - controls)) ** 2).sum())

    assert value(moved) < value(nearest)

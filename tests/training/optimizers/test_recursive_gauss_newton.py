"""Recursive Gauss-Newton against the least-squares problem that it solves piece by piece."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import Evaluation, MeanSquare
from photonzero.training.optimizers import Start
from photonzero.training.optimizers.recursive_gauss_newton import (
    RecursiveGaussNewton,
    RecursiveOptions,
)
from photonzero.training.oracle import ControlGroup
from photonzero.training.rounding import rounded_in_turn

N = 5
GROUPS = {
    "phases": ControlGroup(0, 3, "phase", scale=1.0),
    "numbers": ControlGroup(3, N, "digital", scale=0.5),
}
SCALE = np.array([1.0, 1.0, 1.0, 0.5, 0.5])
START = np.random.default_rng(5).standard_normal(N)


class Likelihood(MeanSquare):
    """Residuals of unit variance."""

    residual_variance = 1.0


class LinearTask:
    """Residuals ``A x - b`` of batches of four."""

    def __init__(self, loss):
        self.loss, self.rng = loss, np.random.default_rng(1)
        self.truth = np.random.default_rng(2).standard_normal(N)
        self.batches = []

    def tell(self, optimizer):
        asked = optimizer.ask()
        if asked.fresh_points:
            matrix = self.rng.standard_normal((4 * asked.batch_factor, N))
            self.now = matrix, matrix @ self.truth + 0.3 * self.rng.standard_normal(len(matrix))
        if asked.purpose == "base":
            self.batches.append(self.now)
        outputs = asked.controls @ self.now[0].T - self.now[1]
        optimizer.tell(Evaluation(self.loss.losses(outputs), outputs, None, self.loss))
        return asked

    def steps(self, optimizer, n):
        while optimizer.n_steps < n:
            self.tell(optimizer)


def make(groups=GROUPS, **options):
    return RecursiveGaussNewton(Start(START, groups), RecursiveOptions(**options), np.random.default_rng(3))


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"forgetting": 1.0}, [1, 1, 1, 1, 1]),
        ({"forgetting": 0.5}, [1 / 8, 1 / 8, 1 / 4, 1 / 2, 1]),
        # Batch k of n weighs (k / n)^2, and what was known before as much as the first.
        ({"forgetting": 1e-9, "weight_power": 2.0}, [1 / 16, 1 / 16, 1 / 4, 9 / 16, 1]),
        # From 1/4, 4/9 and 9/16 only the last is above one half.
        ({"forgetting": 0.5, "weight_power": 2.0}, [9 / 64, 9 / 64, 9 / 32, 9 / 16, 1]),
    ],
)
def test_linear_least_squares_is_solved_exactly_batch_by_batch(options, weights):
    task = LinearTask(Likelihood())
    variances = {"initial_variance": 2.0, "initial_phase_variance_rad2": 2.0}
    optimizer = make(**options, **variances, step_factors=(1.0,), trial_batch_factor=50)
    task.steps(optimizer, 4)
    # All batches at once: w |x - start|^2 / variance + sum w |A x - b|^2, in units of the scales.
    root = np.sqrt(weights[1:]).repeat(4)
    matrix = root[:, None] * np.vstack([a for a, _ in task.batches]) * SCALE
    wanted = root * np.concatenate([b for _, b in task.batches]) - matrix @ (START / SCALE)
    solution = np.linalg.solve(matrix.T @ matrix + weights[0] * np.eye(N) / 2.0, matrix.T @ wanted)
    np.testing.assert_allclose(optimizer.controls, START + SCALE * solution, atol=2e-5)


@pytest.mark.parametrize("restored", [N, 2, 0])
def test_what_is_forgotten_of_the_prior_is_put_back_in_turn(restored):
    task = LinearTask(Likelihood())
    variance = np.array([0.5, 0.5, 0.5, 2.0, 2.0])
    optimizer = make(
        forgetting=0.9,
        restored_controls=restored,
        initial_variance=2.0,
        initial_phase_variance_rad2=0.5,
        trial_batch_factor=50,
    )
    information, turn = np.diag(1.0 / variance), 0
    for k in range(7):
        task.steps(optimizer, k + 1)
        matrix = task.batches[k][0] * SCALE
        information = 0.9 * (information + matrix.T @ matrix)
        for _ in range(restored):
            i = turn % N
            information[i, i] += 0.1 * N / restored / variance[i]
            turn += 1
    covariance = optimizer.state()["covariance"]
    np.testing.assert_allclose(covariance, np.linalg.inv(information), rtol=1e-3, atol=1e-5)


def test_a_control_without_effect_stays_as_uncertain_as_it_was():
    found = {}
    for restored in (0, N):
        task, optimizer = LinearTask(Likelihood()), make(forgetting=0.8, restored_controls=restored)
        while optimizer.n_steps < 30:
            asked = optimizer.ask()
            if asked.fresh_points:
                matrix = task.rng.standard_normal((4 * asked.batch_factor, N))
                matrix[:, 1] = 0.0
            outputs = asked.controls @ matrix.T
            optimizer.tell(Evaluation(task.loss.losses(outputs), outputs, None, task.loss))
        found[restored] = optimizer.state()["covariance"][1, 1]
    assert found[N] == pytest.approx(0.1, rel=1e-3)
    assert found[0] > 10.0


def test_a_loss_without_a_likelihood_is_measured_in_its_own_units():
    """Multiplying all residuals by 1000 changes nothing."""
    found = []
    for factor in (1.0, 1000.0):
        task, optimizer = LinearTask(MeanSquare()), make(step_factors=(1.0,), trial_batch_factor=50)

        def scaled(asked, task=task, factor=factor):
            outputs = factor * (asked.controls @ task.now[0].T - task.now[1])
            return Evaluation(task.loss.losses(outputs), outputs, None, task.loss)

        while optimizer.n_steps < 3:
            asked = optimizer.ask()
            if asked.fresh_points:
                matrix = task.rng.standard_normal((4 * asked.batch_factor, N))
                task.now = matrix, matrix @ task.truth
            optimizer.tell(scaled(asked))
        found.append(optimizer.controls)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


ON_GRID = {**GROUPS, "phases": ControlGroup(0, 3, "phase", grid_step=0.1, scale=1.0)}


def test_probes_are_whole_codes_of_one_control_each():
    task, optimizer = LinearTask(Likelihood()), make(ON_GRID, perturb_phase_rad=0.12)
    base = task.tell(optimizer).controls[0]
    np.testing.assert_allclose(base[:3], 0.1 * np.round(START[:3] / 0.1))
    asked = optimizer.ask()
    assert not asked.fresh_points
    changes = asked.controls - base
    assert (np.count_nonzero(np.round(changes, 12), axis=1) == 1).all()
    np.testing.assert_allclose(np.abs(np.diag(changes)), [0.2, 0.2, 0.2, 0.01, 0.01])


def test_when_nothing_is_better_twice_it_stays_and_trusts_itself_less():
    task, optimizer = LinearTask(Likelihood()), make(forgetting=1.0)
    for factor in (1.0, 0.5, 0.5):
        task.tell(optimizer)
        task.tell(optimizer)
        before = optimizer.state()["covariance"]
        trial = optimizer.ask()
        outputs = np.arange(len(trial.controls), dtype=float)[:, None] * np.ones((1, 4))
        optimizer.tell(Evaluation(Likelihood().losses(outputs), outputs, None, Likelihood()))
        np.testing.assert_array_equal(optimizer.controls, START)
        np.testing.assert_array_equal(optimizer.state()["covariance"], np.float32(factor) * before)


def test_on_a_grid_it_comes_as_near_as_without_one():
    """What is measured at whole codes is said of the wanted setting between them."""
    task = LinearTask(Likelihood())
    options = {"forgetting": 1.0, "step_factors": (1.0,), "trial_batch_factor": 50}
    variance = np.array([0.1, 0.1, 0.1, 1.0, 1.0])
    fine = {**GROUPS, "phases": ControlGroup(0, 3, "phase", grid_step=0.02, scale=1.0)}
    optimizer = make(fine, **options)
    task.steps(optimizer, 3)
    matrix = np.vstack([a for a, _ in task.batches]) * SCALE
    wanted = np.concatenate([b for _, b in task.batches]) - matrix @ (START / SCALE)
    solution = np.linalg.solve(matrix.T @ matrix + np.diag(1 / variance), matrix.T @ wanted)
    np.testing.assert_allclose(optimizer.state()["x"], START + SCALE * solution, atol=5e-5)
    codes = optimizer.controls[:3] / 0.02
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-9)
    # The numbers behind the phases have moved, to make up for the rounding of these.
    assert (np.abs(optimizer.controls[3:] - optimizer.state()["x"][3:]) > 1e-4).all()


def test_rounding_in_turn_is_nearer_than_rounding_alone_where_controls_hang_together():
    rng = np.random.default_rng(4)
    root = rng.standard_normal((12, 40)) @ np.diag(0.7 ** np.arange(40))
    information = root.T @ root + 1e-3 * np.eye(40)
    covariance = np.linalg.inv(information)
    wanted = rng.standard_normal((20, 40))
    grid = np.full(40, 0.3)

    def distance(settings):
        return np.einsum("mi,ij,mj->m", settings - wanted, information, settings - wanted)

    nearest = grid * np.round(wanted / grid)
    in_turn = rounded_in_turn(wanted, grid, covariance)
    np.testing.assert_allclose(in_turn / grid, np.round(in_turn / grid), atol=1e-9)
    assert np.median(distance(in_turn)) < 0.3 * np.median(distance(nearest))


def test_rounding_in_turn_is_plain_rounding_where_nothing_hangs_together():
    wanted = np.random.default_rng(4).standard_normal((3, 6))
    grid = np.array([0.0, 0.1, 0.2, 0.0, 0.5, 1.0])
    expected = np.where(grid > 0, grid * np.round(wanted / np.where(grid > 0, grid, 1.0)), wanted)
    np.testing.assert_allclose(rounded_in_turn(wanted, grid, np.eye(6)), expected)


@pytest.mark.parametrize(
    "bad",
    [
        {"forgetting": 0.0},
        {"forgetting": 1.1},
        {"weight_power": -1.0},
        {"weight_power": float("nan")},
        {"initial_variance": -1.0},
        {"initial_phase_variance_rad2": 0.0},
        {"restored_controls": -1},
        {"shrink": 0.0},
        {"shrink": 1.5},
        {"step_factors": ()},
        {"step_factors": (0.0,)},
        {"trial_batch_factor": 0},
        {"perturb_digital": float("nan")},
    ],
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ArgumentError, match=next(iter(bad))):
        RecursiveOptions(**bad)

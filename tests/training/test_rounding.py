"""Steps in whole codes: unbiased at random, and with a known error fed back."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import GaussNewtonOptions, SubspaceGaussNewton, start_on
from photonzero.training.optimizers.parts.scaling import to_random_codes
from photonzero.training.oracle import ControlGroup
from photonzero.training.problems import HJB
from photonzero.training.rounding import effects_on_model, grid_steps, to_sequential_codes
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip

STEP = 0.5
GROUPS = {"phases": ControlGroup(0, 30, "phase", grid_step=STEP), "rest": ControlGroup(30, 32, "digital")}
GRID = grid_steps(GROUPS, 32)


def settings(n):
    return np.random.default_rng(0).standard_normal((n, 32))


def assert_on_grid(controls):
    codes = controls / STEP
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-9)


def test_random_codes_are_neighbours_and_right_on_the_average():
    x = settings(1)
    n = 20_000
    rounded = to_random_codes(GROUPS, np.repeat(x, n, axis=0), np.random.default_rng(1))
    assert_on_grid(rounded[:, :30])
    assert np.abs(rounded - x).max() < STEP * (1 + 1e-12)
    np.testing.assert_array_equal(rounded[:, 30:], np.repeat(x[:, 30:], n, axis=0))
    up = x[0, :30] / STEP % 1.0
    sigma = STEP * np.sqrt(up * (1 - up) / n)
    assert (np.abs(rounded[:, :30].mean(axis=0) - x[0, :30]) < 4 * sigma).all()


def test_sequential_codes_keep_what_is_known_of_the_model():
    x, rng = settings(3), np.random.default_rng(2)
    effects = np.zeros((32, 4))
    effects[:30] = rng.standard_normal((30, 4))
    rounded = to_sequential_codes(GRID, x, effects)
    assert_on_grid(rounded[:, :30])
    assert np.abs(rounded - x).max() < STEP * (1 + 1e-12)
    np.testing.assert_array_equal(rounded[:, 30:], x[:, 30:])
    nearest = x.copy()
    nearest[:, :30] = STEP * np.round(x[:, :30] / STEP)
    error, plain = ((r - x) @ effects for r in (rounded, nearest))
    assert (np.linalg.norm(error, axis=1) < 0.5 * np.linalg.norm(plain, axis=1)).all()


def test_sequential_codes_are_the_nearest_where_nothing_is_known():
    x = settings(2)
    rounded = to_sequential_codes(GRID, x, np.zeros((32, 4)))
    np.testing.assert_allclose(rounded[:, :30], STEP * np.round(x[:, :30] / STEP), atol=1e-12)


def test_effects_are_those_of_the_measured_columns():
    # A change inside the span of the directions does to the residual what the columns say.
    rng = np.random.default_rng(3)
    directions, jacobian = rng.standard_normal((4, 32)), rng.standard_normal((50, 32))
    columns = directions @ jacobian.T
    norms = np.linalg.norm(columns, axis=1)
    unit = columns / norms[:, None]
    effects = effects_on_model(directions, norms, unit @ unit.T)
    change = rng.standard_normal(4) @ directions
    assert np.linalg.norm(change @ effects) == pytest.approx(np.linalg.norm(jacobian @ change), rel=1e-10)


class Watched(LabChip):
    """Keeps every setting of its heaters."""

    def __init__(self):
        super().__init__()
        self.heaters = []

    def measure(self, controls, inputs):
        self.heaters.append(controls[:, :8].copy())
        return super().measure(controls, inputs)


def lab_run(rounding, steps):
    chip = Watched()
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    options = GaussNewtonOptions(n_directions=4, rounding=rounding)
    optimizer = SubspaceGaussNewton(start_on(chip, x), options, np.random.default_rng(3))
    return chip, TrainingRun(chip, objective, optimizer, Limits(10**9, steps))


@pytest.mark.parametrize("rounding", ["stochastic", "sequential"])
def test_tried_settings_are_on_the_grid_and_training_works(rounding):
    chip, run = lab_run(rounding, 30)
    before = run.objective.validation_error(run.oracle, run.optimizer.controls)
    chip.heaters.clear()
    run.train()
    assert run.history[-1][3] < 0.5 * before
    trials = [heaters[1:] for heaters in chip.heaters if len(heaters) == 6]
    assert len(trials) == 30
    codes = np.concatenate(trials) / (2 * np.pi / 255)
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-9)


@pytest.mark.parametrize("rounding", ["stochastic", "sequential"])
def test_resume_equals_the_straight_run(rounding):
    _, straight = lab_run(rounding, 6)
    straight.train()
    _, first = lab_run(rounding, 3)
    first.train()
    _, second = lab_run(rounding, 6)
    second.restore(first.checkpoint())
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert second.inferences == straight.inferences == (2 + 6 * 10) * 30 * 7


def test_a_bad_rounding_is_named():
    with pytest.raises(ArgumentError, match="rounding: 'down'; allowed: nearest, stochastic, sequential"):
        GaussNewtonOptions(rounding="down")

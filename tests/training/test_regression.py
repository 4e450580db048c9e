"""Copying given outputs: residuals by hand, the known readout, a linear network recovered."""

import numpy as np
import pytest

from photonzero.photonics.controls import ControlGroup
from photonzero.training.errors import ArgumentError
from photonzero.training.objective.regression import Pairs, RegressionObjective, relative_error
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.trainer import Limits, TrainingRun


class Linear:
    """Outputs ``x @ A^T`` of 2 x 3 controls, hidden behind the protocol."""

    n_controls = 6

    def __init__(self):
        self.control_groups = {"a": ControlGroup(0, 6, "digital")}

    def measure(self, controls, inputs):
        return np.einsum("pij,bj->pbi", controls.reshape(-1, 2, 3), inputs)


def pairs(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 3))
    return Pairs(x, x @ np.arange(6.0).reshape(2, 3).T)


def objective(batch_size=20):
    return RegressionObjective(pairs(100, 0), pairs(30, 1), pairs(30, 2), batch_size, seed=3)


def test_residuals_are_differences_in_units_of_the_wanted_outputs():
    task, oracle = objective(), Linear()
    exact, zero = np.arange(6.0), np.zeros(6)
    evaluation = task.evaluate(oracle, np.stack([exact, zero]))
    np.testing.assert_allclose(evaluation.residuals[0], 0.0, atol=1e-15)
    assert task.validation_error(oracle, zero) == 1.0
    assert task.test_error(oracle, 1.1 * exact) == pytest.approx(0.1, rel=1e-12)
    # With all pairs in a batch a zero answer has the loss 1, as it has the relative error 1.
    assert objective(100).evaluate(oracle, zero[None]).losses[0] == pytest.approx(1.0, rel=1e-12)


def test_batches_are_functions_of_seed_and_number():
    first, second = objective(), objective()
    losses = []
    for task, numbers in ((first, (0, 1, 0)), (second, (1, 0, 0))):
        for number in numbers:
            task.load_batch(number)
            losses.append(task.evaluate(Linear(), np.zeros((1, 6))).losses[0])
    assert losses[0] == losses[2] == losses[4] == losses[5]
    assert losses[1] == losses[3] != losses[0]


def test_gauss_newton_copies_a_linear_network():
    oracle, task = Linear(), objective()
    method = get_method("gauss-newton")
    optimizer = method.make(start_on(oracle, np.zeros(6)), method.options(), np.random.default_rng(0))
    TrainingRun(oracle, task, optimizer, Limits(max_steps=10)).train()
    assert relative_error(oracle, optimizer.controls, pairs(30, 2)) < 1e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pairs(np.zeros((3, 2)), np.zeros((4, 1))), r"inputs \(3, 2\), wanted \(4, 1\)"),
        (lambda: Pairs(np.zeros((3, 2)), np.zeros(3)), r"wanted \(3,\)"),
        (lambda: Pairs(np.full((3, 2), np.nan), np.zeros((3, 1))), "NaN or infinity in inputs"),
        (lambda: objective(101), "batch_size: 101"),
        (
            lambda: RegressionObjective(
                *[Pairs(np.ones((3, 2)), np.zeros((3, 1)))] * 3, batch_size=1, seed=0
            ),
            "all wanted outputs are 0",
        ),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()

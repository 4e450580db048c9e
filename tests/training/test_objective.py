"""The HJB problem and its objective against the exact solution and against derivatives by hand."""

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.errors import ArgumentError
from photonzero.training.meter import MeteredOracle, metered
from photonzero.training.objective import PinnObjective
from photonzero.training.oracle import ControlGroup
from photonzero.training.problems import HJB, get_problem
from photonzero.training.stencils import make_rule


class Formula:
    """A chip whose output is a formula of the input, one control as a factor."""

    n_controls = 1
    control_groups = {"factor": ControlGroup(0, 1, "digital")}  # noqa: RUF012

    def __init__(self, formula):
        self._formula = formula

    def measure(self, controls, inputs):
        points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
        return controls[:, None, :] * self._formula(points)[None, :, None]


def hjb_objective(n_space, rule="central", batch_size=20):
    return PinnObjective(HJB(n_space), make_rule(rule), batch_size, seed=0)


@pytest.mark.parametrize("n_space", [2, 20])
@pytest.mark.parametrize("rule", ["central", "central4", "sparse-grid"])
def test_exact_solution_has_no_residual(n_space, rule):
    # The exact network output is the constant 2 - 0.05 n: one at n = 20.
    constant = 2 - 0.05 * n_space
    chip = Formula(lambda x: np.full(len(x), constant))
    objective = hjb_objective(n_space, rule)
    evaluation = objective.evaluate(chip, np.ones((1, 1)))
    # Values of order 20, each a sum of 20 roundings, amplified by the weights of the Laplacian.
    weights = objective.blocks[0].stencil.laplacian_weights(range(n_space))
    assert np.abs(evaluation.residuals).max() < 400 * np.finfo(float).eps * np.abs(weights).sum()
    assert objective.test_error(chip, np.ones(1)) < 1e-15


def test_residual_of_a_wrong_network_by_hand():
    # net = x_0^2, so u = sum x + (1 - t) x_0^2:
    # u_t = -x_0^2, lap u = 2 (1 - t), grad u = (1 + 2 (1 - t) x_0, 1).
    objective = hjb_objective(2)
    chip = Formula(lambda x: x[:, 0] ** 2)
    residual = objective.evaluate(chip, np.ones((1, 1))).residuals[0]
    x0, t = objective.blocks[0].points[:, 0], objective.blocks[0].points[:, 2]
    slope = 1 + 2 * (1 - t) * x0
    expected = -(x0**2) + 2 * (1 - t) - 0.05 * (slope**2 + 1) + 2
    # Central differences are exact on these polynomials of degree three but for rounding / h^2.
    np.testing.assert_allclose(residual, expected, atol=1e-9)


def test_inferences_of_an_evaluation_on_paper():
    objective = hjb_objective(20, "sparse-grid", batch_size=10)
    meter = MeteredOracle(Formula(lambda x: x[:, 0]))
    objective.evaluate(meter, np.ones((3, 1)))
    assert meter.inferences == 3 * 10 * 925 == 3 * objective.inferences_per_candidate


def test_batches_are_functions_of_seed_and_number():
    a, b = hjb_objective(2), hjb_objective(2)
    chip = Formula(lambda x: np.sin(3 * x[:, 0]))
    first = a.evaluate(chip, np.ones((1, 1))).residuals
    a.load_batch(5)
    fifth = a.evaluate(chip, np.ones((1, 1))).residuals
    assert (first != fifth).all()
    b.load_batch(5)
    np.testing.assert_array_equal(b.evaluate(chip, np.ones((1, 1))).residuals, fifth)


def test_large_populations_are_measured_in_slices(monkeypatch):
    import photonzero.training.objective.pinn.block as module

    chip = Formula(lambda x: np.sin(3 * x[:, 0]))
    controls = np.linspace(0, 1, 7)[:, None]
    objective = hjb_objective(2)
    whole = objective.evaluate(chip, controls)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 3 * objective.inferences_per_candidate)
    sliced = objective.evaluate(chip, controls)
    np.testing.assert_array_equal(sliced.residuals, whole.residuals)


def test_readout_columns_are_the_derivative_by_the_readout():
    chip = fabricate(get_design("tonn-tiny"), preset("published"), 0, dtype=np.float64)
    objective = hjb_objective(2)
    oracle = metered(chip)
    x = chip.initial_controls(np.random.default_rng(0))
    evaluation = objective.evaluate(oracle, x[None], with_readout=True)
    assert evaluation.readout is not None
    index = np.arange(chip.n_controls)
    readout = np.concatenate([index[chip.readout_weight], index[chip.readout_bias]])
    columns = evaluation.readout.columns(0, x[readout])
    # One measurement, whether or not the columns are asked for.
    assert oracle.inferences == objective.inferences_per_candidate
    np.testing.assert_allclose(evaluation.residuals, objective.evaluate(chip, x[None]).residuals, atol=1e-10)
    step = 1e-4
    for k in (0, 7, 16):
        change = np.zeros_like(x)
        change[readout[k]] = step
        pair = objective.evaluate(chip, np.stack([x + change, x - change])).residuals
        other = evaluation.readout.residuals(0, (x + change)[None, readout])
        np.testing.assert_allclose(other[0], pair[0], atol=1e-10)
        # Rounding of the chip's answers, 1e-15 / (step h^2), bounds the difference quotient.
        np.testing.assert_allclose(columns[:, k], (pair[0] - pair[1]) / (2 * step), atol=1e-7)


def test_unknown_names_and_sizes():
    with pytest.raises(ArgumentError, match=r"problem: 'heat3000' .*; allowed: hjb20"):
        get_problem("heat3000")
    with pytest.raises(ArgumentError, match="n_space: 0"):
        HJB(0)
    with pytest.raises(ArgumentError, match="batch_size: 0"):
        PinnObjective(HJB(2), make_rule("central"), 0, 0)


def test_second_derivatives_of_a_stencil_are_found_row_by_row(monkeypatch):
    import photonzero.training.objective.pinn.block as module

    whole = hjb_objective(5, "sparse-grid").blocks[0].jets
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    by_rows = hjb_objective(5, "sparse-grid").blocks[0].jets
    for one, other in zip(by_rows, whole, strict=True):
        # Sums of as many products as there are nodes.
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    # A Laplacian in five coordinates is the one second derivative of the equation.
    (form,), shares = whole
    np.testing.assert_allclose(form, np.diag([1, 1, 1, 1, 1, 0]) / np.sqrt(5), atol=1e-9)
    assert (shares > 0).sum() == 1


def test_to_know_how_large_a_known_batch_is_makes_none_of_it():
    batch = hjb_objective(5).known_batch()
    assert [form.shape for form in batch.forms] == [(1, 6, 6)]
    assert "_maps" not in vars(batch)
    batch.residuals(0, np.zeros((20, 8, 1)))
    assert "_maps" in vars(batch)

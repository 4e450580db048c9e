"""Several chips at once, against each of them alone."""

import numpy as np
import pytest

from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.classification.cross_entropy import CrossEntropy
from photonzero.training.ensemble import (
    EnsembleObjective,
    EnsembleReadoutOracle,
    MeteredEnsemble,
    ensemble,
    metered_chips,
)
from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.meter import MeteredOracle
from photonzero.training.objective import Evaluation, PinnObjective
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.oracle import ForwardOracle, ReadoutOracle
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip


class SineChip:
    """Sine features with a phase error of its own, and a digital readout; shows its features."""

    control_groups = LabChip().control_groups
    n_controls = 25
    readout_weight, readout_bias = slice(8, 24), slice(24, 25)

    def __init__(self, seed):
        self._error = 0.1 * np.random.default_rng(seed).standard_normal(16)
        rng = np.random.default_rng(0)
        self._frequency, self._mixing = 0.5 * rng.standard_normal((16, 3)), rng.standard_normal((16, 8))
        self.n_measurements = 0

    def measure_features(self, controls, inputs):
        points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
        self.n_measurements += 1
        phase = controls[:, :8] @ self._mixing.T + self._error
        return np.sin(points @ self._frequency.T + phase[:, None, :])

    def measure(self, controls, inputs):
        return self.measure_features(controls, inputs) @ controls[:, 8:24, None] + controls[:, None, 24:]

    def state(self):
        return {"n_measurements": self.n_measurements}

    def restore(self, state):
        self.n_measurements = state["n_measurements"]


def pinn():
    return PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)


def make_run(n_chips, **limits):
    chips = ensemble([SineChip(seed) for seed in range(n_chips)])
    x = np.random.default_rng(2).standard_normal(25)
    method = get_method("gauss-newton")
    optimizer = method.make(start_on(chips, x), method.options(n_directions=4), np.random.default_rng(3))
    return TrainingRun(chips, EnsembleObjective(pinn(), n_chips), optimizer, Limits(**limits))


def test_residuals_and_columns_are_those_of_every_chip():
    chips = [SineChip(seed) for seed in range(3)]
    x = np.random.default_rng(4).standard_normal((2, 25))
    objective = EnsembleObjective(pinn(), 3)
    together = objective.evaluate(ensemble(chips), x, with_readout=True)
    alone = [pinn().evaluate(chip, x, with_readout=True) for chip in chips]
    np.testing.assert_array_equal(together.residuals, np.hstack([part.residuals for part in alone]))
    np.testing.assert_allclose(together.losses, np.mean([part.losses for part in alone], axis=0), rtol=1e-14)
    readout = x[1, 8:]
    np.testing.assert_array_equal(
        together.readout.columns(1, readout), np.vstack([part.readout.columns(1, readout) for part in alone])
    )
    np.testing.assert_array_equal(
        together.readout.residuals(1, readout[None]),
        np.hstack([part.readout.residuals(1, readout[None]) for part in alone]),
    )
    errors = [pinn().test_error(chip, x[0]) for chip in chips]
    assert objective.test_errors(ensemble(chips), x[0]) == errors
    assert objective.test_error(ensemble(chips), x[0]) == pytest.approx(np.mean(errors), rel=1e-14)


def test_an_ensemble_is_an_oracle_with_outputs_side_by_side():
    chips = [SineChip(seed) for seed in range(2)]
    x, inputs = np.ones((3, 25)), np.random.default_rng(0).standard_normal((5, 3))
    both = ensemble(chips)
    assert isinstance(both, ForwardOracle)
    assert isinstance(both, ReadoutOracle)
    np.testing.assert_array_equal(both.measure(x, inputs)[..., 1:], chips[1].measure(x, inputs))
    np.testing.assert_array_equal(
        both.measure_features(x, inputs)[..., 16:], chips[1].measure_features(x, inputs)
    )
    mixed = ensemble([LabChip(), LabChip(seed=1)])
    assert not isinstance(mixed, EnsembleReadoutOracle)
    assert not isinstance(mixed, ReadoutOracle)


def test_every_chip_is_metered():
    run = make_run(3, max_steps=2)
    run.train()
    one = 30 * 7
    # Base twice, then 4 probes, the base and 5 trials a step, on each of three chips.
    assert run.settings == 3 * (2 + 2 * 10)
    assert run.inferences == run.settings * one
    assert run.inferences_validation == 3 * 2 * 1000
    for budget in (3 * 2 * one - 1, 3 * 6 * one):
        short = make_run(3, max_inferences=budget)
        short.train()
        assert short.inferences <= budget


def test_resume_equals_the_straight_run(tmp_path):
    straight = make_run(2, max_steps=4)
    straight.train()
    first = make_run(2, max_steps=2)
    first.train()
    save_checkpoint(tmp_path / "c.npz", "run", first.checkpoint())
    second = make_run(2, max_steps=4)
    second.restore(load_checkpoint(tmp_path / "c.npz", "run"))
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert (second.inferences, second.settings) == (straight.inferences, straight.settings)
    assert [m.n_measurements for m in second.oracle.members] == [
        m.n_measurements for m in straight.oracle.members
    ]


def test_controls_trained_on_several_chips_do_better_on_others():
    held_out = [SineChip(seed) for seed in range(100, 110)]
    errors = []
    for n_chips in (1, 6):
        run = make_run(n_chips, max_steps=12)
        run.train()
        errors.append(np.mean([pinn().test_error(chip, run.optimizer.controls) for chip in held_out]))
    assert errors[1] < 0.7 * errors[0]


def test_a_single_oracle_is_metered_as_before():
    assert isinstance(metered_chips(LabChip()), MeteredOracle)
    assert isinstance(metered_chips(ensemble([LabChip()])), MeteredEnsemble)


def test_bad_input_is_named():
    with pytest.raises(ArgumentError, match="ensemble: no chips; allowed: at least one"):
        ensemble([])
    other = SineChip(0)
    other.n_controls = 26
    with pytest.raises(ArgumentError, match="chips with 2 sets of controls"):
        ensemble([SineChip(1), other])
    with pytest.raises(ArgumentError, match="n_chips: 0"):
        EnsembleObjective(pinn(), 0)
    with pytest.raises(MeasurementError, match="a single oracle; allowed: an EnsembleOracle"):
        EnsembleObjective(pinn(), 2).evaluate(SineChip(0), np.zeros((1, 25)))


class Labelled:
    """A task with cross-entropy as its loss, on every oracle's outputs at fixed inputs."""

    inferences_per_candidate = 6
    inferences_to_choose = 0

    def __init__(self):
        rng = np.random.default_rng(5)
        self.inputs, self.loss = rng.random((6, 3)), CrossEntropy(rng.integers(0, 3, 2), 3)

    def evaluate(self, oracle, controls, *, with_readout=False):
        outputs = oracle.measure(controls, self.inputs)[:, :, 0]
        return Evaluation(self.loss.losses(outputs), outputs, None, self.loss)


def test_a_mean_of_cross_entropies_and_its_curvature_are_those_of_the_chips():
    chips = [SineChip(seed) for seed in range(3)]
    x = np.random.default_rng(4).standard_normal((2, 25))
    together = EnsembleObjective(Labelled(), 3).evaluate(ensemble(chips), x)
    alone = [Labelled().evaluate(chip, x) for chip in chips]
    np.testing.assert_allclose(together.losses, np.mean([part.losses for part in alone], axis=0), rtol=1e-14)
    change = 0.1 * np.random.default_rng(6).standard_normal((3, 6))

    def model(loss, outputs, change):
        near = loss.quadratic(outputs)
        return ((near.residual + near.transform(change[None])[0]) ** 2).mean()

    expected = [model(part.loss, part.residuals[1], own) for part, own in zip(alone, change, strict=True)]
    found = model(together.loss, together.residuals[1], change.ravel())
    assert found == pytest.approx(np.mean(expected), rel=1e-13)
    assert not together.loss.is_quadratic

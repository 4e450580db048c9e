"""Noise seen from repeated measurements, and what follows: longer perturbations, larger batches."""

import numpy as np
import pytest

from photonzero.training.errors import CheckpointError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.optimizers.parts.noise_floor import NoiseFloor
from photonzero.training.oracle import Stencil
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip

R = 4000


def test_variances_from_pairs_of_measurements():
    rng = np.random.default_rng(0)
    floor = NoiseFloor()
    assert not floor.is_noisy
    truth = rng.standard_normal(R)
    for _ in range(20):
        floor.observe(*(truth + 0.3 * rng.standard_normal(R) for _ in range(2)))
    assert floor.is_noisy
    # Variance of a variance: 2 / R, less by the running mean.
    assert floor.residual == pytest.approx(0.09, rel=4 * np.sqrt(2 / R))


def test_a_chip_without_noise_changes_nothing():
    floor = NoiseFloor()
    floor.observe(np.ones(5), np.ones(5))
    floor.match_perturbations(np.zeros((3, 5)))
    for _ in range(50):
        floor.match_batch(1.0, 8)
    assert not floor.is_noisy
    assert floor.stretch == 1.0
    assert floor.batch_factor == 1


def test_perturbations_grow_until_they_are_seen_and_shrink_back():
    rng = np.random.default_rng(1)
    floor = NoiseFloor()
    floor.observe(rng.standard_normal(R), rng.standard_normal(R))

    def difference(slope):
        return slope * floor.stretch * rng.standard_normal((8, R)) + rng.standard_normal((2, 8, R)).sum(
            axis=0
        )

    for _ in range(10):
        floor.match_perturbations(difference(1.0))
    # Three times the noise of a difference, sqrt(2).
    assert floor.stretch == pytest.approx(3 * np.sqrt(2), rel=0.05)
    for _ in range(10):
        floor.match_perturbations(difference(100.0))
    assert floor.stretch == 1.0


def test_batches_double_once_noise_dominates_and_progress_ends():
    floor = NoiseFloor()
    floor.observe(np.zeros(R), np.full(R, np.sqrt(2.0)))
    for _ in range(30):
        floor.match_batch(100.0, 4)
    assert floor.batch_factor == 1  # the noise is a hundredth of the loss
    for _ in range(4):
        floor.match_batch(2.0, 4)
    assert floor.batch_factor == 1
    floor.match_batch(2.0, 4)
    assert floor.batch_factor == 2
    for _ in range(30):
        floor.match_batch(2.0, 4)
    assert floor.batch_factor == 4


def test_state_continues():
    rng = np.random.default_rng(2)
    floor, other = NoiseFloor(), NoiseFloor()
    floor.observe(rng.standard_normal(9), rng.standard_normal(9))
    floor.match_perturbations(np.zeros((1, 9)))
    floor.match_batch(1.0, 8)
    other.restore(floor.state())
    for key, value in floor.state().items():
        np.testing.assert_array_equal(other.state()[key], value)


class NoisyReadoutChip(LabChip):
    """A lab chip that shows its features, with detectors that err."""

    readout_weight, readout_bias = slice(8, 24), slice(24, 25)

    def __init__(self, std):
        super().__init__()
        self._std, self._rng = std, np.random.default_rng(9)

    def measure_features(self, controls, inputs):
        n_points = inputs.n_points if isinstance(inputs, Stencil) else len(inputs)
        features = np.empty((len(controls), n_points, 16))
        for k in range(16):
            alone = np.array(controls)
            alone[:, 8:25] = 0.0
            alone[:, 8 + k] = 1.0
            features[..., k] = super().measure(alone, inputs)[..., 0]
        return features + self._std * self._rng.standard_normal(features.shape)

    def measure(self, controls, inputs):
        features = self.measure_features(controls, inputs)
        return features @ controls[:, 8:24, None] + controls[:, None, 24:]


@pytest.mark.parametrize("std", [0.0, 1e-3])
def test_noise_is_measured_on_a_chip_and_costs_an_evaluation_a_step(std):
    chip = NoisyReadoutChip(std)
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.3), 60, seed=1)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    method = get_method("gauss-newton")
    options = method.options(n_directions=4)
    optimizer = method.make(start_on(chip, x), options, np.random.default_rng(3))
    run = TrainingRun(chip, objective, optimizer, Limits(10**9, max_steps=20))
    run.train()
    floor = NoiseFloor()
    floor.restore(optimizer.state())
    if std == 0.0:
        assert not floor.is_noisy
        assert run.settings == 2 + 20 * (4 + 6)
    else:
        assert run.settings == 2 + 20 * (4 + 6 + 1)
        assert floor.is_noisy
    assert run.history[-1][3] < 0.1


def test_a_checkpoint_that_holds_more_than_is_needed_continues():
    def make():
        chip = NoisyReadoutChip(1e-3)
        objective = PinnObjective(HJB(2), make_rule("central", spacing=0.3), 20, seed=1)
        start = start_on(chip, np.random.default_rng(2).standard_normal(chip.n_controls))
        method = get_method("gauss-newton")
        optimizer = method.make(start, method.options(n_directions=3), np.random.default_rng(3))
        return TrainingRun(chip, objective, optimizer, Limits(10**9, max_steps=2))

    first, second = make(), make()
    first.train()
    # As versions wrote it that also watched the noise of the readout's columns.
    second.restore({**first.checkpoint(), "optimizer/noise_columns": np.zeros(17)})
    np.testing.assert_array_equal(second.optimizer.controls, first.optimizer.controls)
    lacking = {key: value for key, value in first.checkpoint().items() if key != "optimizer/noise"}
    with pytest.raises(CheckpointError, match="state of another optimizer cannot be read"):
        second.restore(lacking)

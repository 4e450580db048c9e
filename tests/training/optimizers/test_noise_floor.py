"""Noise seen from repeated measurements, and what follows: longer perturbations, larger batches."""

import numpy as np
import pytest

from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.optimizers.parts.noise_floor import NoiseFloor
from photonzero.training.optimizers.parts.readout_solver import ReadoutSolver
from photonzero.training.oracle import Stencil
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip

R = 4000


def test_variances_from_pairs_of_measurements():
    rng = np.random.default_rng(0)
    floor = NoiseFloor(2)
    assert not floor.is_noisy
    truth, columns = rng.standard_normal(R), rng.standard_normal((R, 2))
    for _ in range(20):
        noisy = [truth + 0.3 * rng.standard_normal(R) for _ in range(2)]
        noisy_columns = [columns + [0.1, 0.0] * rng.standard_normal((R, 2)) for _ in range(2)]
        floor.observe((noisy[0], noisy[1]), (noisy_columns[0], noisy_columns[1]))
    assert floor.is_noisy
    # Variance of a variance: 2 / R, less by the running mean.
    assert floor.residual == pytest.approx(0.09, rel=4 * np.sqrt(2 / R))
    np.testing.assert_allclose(floor.columns, [0.01, 0.0], rtol=4 * np.sqrt(2 / R))


def test_a_chip_without_noise_changes_nothing():
    floor = NoiseFloor(0)
    floor.observe((np.ones(5), np.ones(5)), None)
    floor.match_perturbations(np.zeros((3, 5)))
    for _ in range(50):
        floor.match_batch(1.0, 8)
    assert not floor.is_noisy
    assert floor.stretch == 1.0
    assert floor.batch_factor == 1


def test_perturbations_grow_until_they_are_seen_and_shrink_back():
    rng = np.random.default_rng(1)
    floor = NoiseFloor(0)
    floor.observe((rng.standard_normal(R), rng.standard_normal(R)), None)

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
    floor = NoiseFloor(0)
    floor.observe((np.zeros(R), np.full(R, np.sqrt(2.0))), None)
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
    floor, other = NoiseFloor(1), NoiseFloor(1)
    pair = (rng.standard_normal(9), rng.standard_normal(9))
    floor.observe(pair, (pair[0][:, None], pair[1][:, None]))
    floor.match_perturbations(np.zeros((1, 9)))
    floor.match_batch(1.0, 8)
    other.restore(floor.state())
    for key, value in floor.state().items():
        np.testing.assert_array_equal(other.state()[key], value)


def test_a_readout_is_not_shrunk_by_noise_of_its_columns():
    rng = np.random.default_rng(3)
    truth = np.array([2.0, -1.0, 0.5])
    clean = rng.standard_normal((R, 3))
    noisy = clean + 0.7 * rng.standard_normal((R, 3))
    start = np.array([0.3, 0.2, 0.1])
    target = clean @ truth
    args = (noisy, np.array([1.0, 0.5, 2.0]), np.zeros((3, 3)))

    def fitted(noise):
        solver = ReadoutSolver(*args, noise, start)
        factor = solver.factor(1e-12)
        step = solver.step(factor, noisy @ start - target)
        np.testing.assert_allclose(
            solver.fitted(factor, noisy @ start - target), noisy @ (start + step) - target, atol=1e-9
        )
        return start + step, solver

    plain, solver = fitted(np.zeros(3))
    assert (solver.noise == 0).all()
    # Least squares shrinks by 1 / (1 + 0.49).
    np.testing.assert_allclose(plain, truth / 1.49, atol=0.05)
    fair, solver = fitted(np.full(3, 0.49))
    np.testing.assert_allclose(solver.noise, 0.49)
    np.testing.assert_allclose(fair, truth, atol=0.1)


def test_more_noise_than_columns_show_is_not_taken_off_whole():
    rng = np.random.default_rng(4)
    noisy = rng.standard_normal((60, 40))
    solver = ReadoutSolver(noisy, np.ones(40), np.zeros((40, 40)), np.ones(40), np.zeros(40))
    assert 0 < solver.noise[0] < 0.1
    solver.factor(1e-12)  # still positive definite


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
    options = method.options(n_directions=4, subtract_noise=True)
    optimizer = method.make(start_on(chip, x), options, np.random.default_rng(3))
    run = TrainingRun(chip, objective, optimizer, Limits(10**9, max_steps=20))
    run.train()
    floor = NoiseFloor(17)
    floor.restore(optimizer.state())
    if std == 0.0:
        assert not floor.is_noisy
        assert run.settings == 2 + 20 * (4 + 6)
    else:
        assert run.settings == 2 + 20 * (4 + 6 + 1)
        # Weights' columns are noisy alike; the bias has no detector.
        assert floor.columns[-1] == pytest.approx(0.0, abs=1e-20)
        # 60 points and a mean over some six pairs of steps, which differ from processor to processor.
        ratios = floor.columns[:-1] / floor.columns[:-1].mean()
        assert ((ratios > 0.4) & (ratios < 2.5)).all()
    assert run.history[-1][3] < 0.1

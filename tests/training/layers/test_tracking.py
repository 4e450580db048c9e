"""Cores followed by what batches read of them, and what controls do to them."""

import numpy as np
import pytest

from photonzero.training.layers.tensor_train import applied, tt_matrix
from photonzero.training.layers.tracking import Sensitivity, in_gauge, tracked

SHAPES = ((1, 4, 2, 3), (3, 2, 3, 2), (2, 3, 4, 1))


def some_cores(rng, size=1.0):
    return [size * rng.standard_normal(shape) for shape in SHAPES]


def moved_cores(rng, cores, size):
    return [core + size * rng.standard_normal(core.shape) for core in cores]


def test_cores_follow_the_readings_of_a_batch():
    rng = np.random.default_rng(0)
    before = some_cores(rng)
    after = moved_cores(rng, before, 1e-3)
    inputs = rng.standard_normal((40, 24))
    found, variances = tracked(before, [1e-6] * 3, inputs, applied(after, inputs), 1e-20)
    fresh = rng.standard_normal((40, 24))
    wanted = applied(after, fresh)
    left = np.abs(applied(found, fresh) - wanted).max() / np.abs(applied(before, fresh) - wanted).max()
    # The second order of a step of a thousandth.
    assert left < 0.02
    assert max(variances) < 1e-12


def test_noise_of_readings_moves_cores_as_little_as_their_spreads_allow():
    rng = np.random.default_rng(1)
    before = some_cores(rng)
    inputs = rng.standard_normal((10, 24))
    noisy = applied(before, inputs) + 0.1 * rng.standard_normal((10, 24))
    bound, _ = tracked(before, [1e-8] * 3, inputs, noisy, 1e-2)
    free, _ = tracked(before, [1.0] * 3, inputs, noisy, 1e-2)
    one, _ = tracked(before, [0.0, 1.0, 0.0], inputs, noisy, 1e-2)
    moves = [
        [np.abs(a - b).max() for a, b in zip(found, before, strict=True)] for found in (bound, free, one)
    ]
    assert max(moves[0]) < 1e-4
    assert min(moves[1]) > 1e-3
    assert moves[2][0] == moves[2][2] == 0.0
    assert moves[2][1] > 0


def test_moves_teach_what_controls_do():
    rng = np.random.default_rng(2)
    true = rng.standard_normal((6, 20))
    own = Sensitivity.of(6, np.arange(6), true + 0.5 * rng.standard_normal(true.shape), 0.25)
    errors = []
    for _ in range(30):
        moved = 0.01 * rng.standard_normal(6)
        own.learn(moved, moved @ true - own.change(moved), 1e-10)
        errors.append(np.sqrt(((own.slopes - true) ** 2).mean()))
    assert errors[-1] < 0.1 * errors[0]
    # What it says of its errors is about what they are, growth with moves included.
    assert errors[-1] < 2.0 * np.sqrt(np.diag(own.covariance).mean())


def test_a_probe_says_all_of_a_control_and_something_of_those_that_moved_with_it():
    own = Sensitivity(np.zeros((3, 4)), np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    assert list(own.least_known(np.array([True, True, True]), 3, 0)) == [2]
    assert list(own.least_known(np.array([True, True, False]), 2, 0)) == [0]
    own.observe(np.array([0]), np.ones((1, 4)), 0.0)
    np.testing.assert_allclose(own.slopes, [[1.0] * 4, [0.8] * 4, [0.0] * 4], atol=1e-5)
    np.testing.assert_allclose(np.diag(own.covariance), [0.0, 0.36, 2.0], atol=1e-5)


def test_growth_is_learnt_from_what_probes_find():
    rng = np.random.default_rng(3)
    for found, expected in ((0.0, 0.01), (100.0, 5.0)):
        own = Sensitivity(rng.standard_normal((4, 5)), np.eye(4))
        for _ in range(400):
            own.covariance = np.eye(4)
            own.observe(np.array([1]), own.slopes[[1]] + found, 0.0)
        assert own.growth == pytest.approx(expected)


def test_another_gauge_is_the_same_layer_and_has_the_same_slopes():
    rng = np.random.default_rng(4)
    cores = some_cores(rng, 3.0)
    slopes = [rng.standard_normal((2, core.size)) for core in cores]
    own = [Sensitivity(s.copy(), np.eye(2)) for s in slopes]
    found = in_gauge(cores, own)
    np.testing.assert_allclose(tt_matrix(found), tt_matrix(cores), rtol=1e-12, atol=1e-11)
    for core in found[:-1]:
        flat = core.reshape(-1, core.shape[3])
        np.testing.assert_allclose(flat.T @ flat, np.eye(core.shape[3]), atol=1e-12)
    for k in range(3):
        changed, wanted = list(found), list(cores)
        changed[k] = own[k].slopes[1].reshape(found[k].shape)
        wanted[k] = slopes[k][1].reshape(cores[k].shape)
        np.testing.assert_allclose(tt_matrix(changed), tt_matrix(wanted), rtol=1e-12, atol=1e-11)
    again = in_gauge(found, own)
    for a, b in zip(again, found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)

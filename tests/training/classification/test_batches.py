"""Batches that grow, and that take more of the samples still wrong: unbiased, resumable, paid for."""

import numpy as np
import pytest

from photonzero.training.classification import BatchOptions, ClassificationObjective, CrossEntropy
from photonzero.training.classification.batches import choose
from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.meter import metered
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.trainer import Limits, TrainingRun
from tests.training.classification.test_classification import LinearChip, blobs

RNG = np.random.default_rng(0)
N, C = 200, 4
LABELS = RNG.integers(0, C, N)
# Three quarters of the samples are answered well, as in a half-trained classifier.
LOGITS = 0.5 * RNG.standard_normal((N, C)) + 6.0 * (np.arange(N) % 4 > 0)[:, None] * np.eye(C)[LABELS]


def test_weighted_batches_have_the_mean_of_the_pool_and_less_variance():
    losses = np.array([CrossEntropy(LABELS[i : i + 1], C).losses(LOGITS[i : i + 1])[0] for i in range(N)])
    chosen, plain = [], []
    rng = np.random.default_rng(1)
    for _ in range(400):
        index, weights = choose(LOGITS, LABELS, 40, rng)
        assert len(set(index)) == 40
        chosen.append((weights * losses[index]).mean())
        plain.append(losses[rng.choice(N, 40, replace=False)].mean())
    standard_error = np.std(chosen) / np.sqrt(len(chosen))
    assert abs(np.mean(chosen) - losses.mean()) < 4 * standard_error
    assert np.var(chosen) < 0.3 * np.var(plain)


def test_the_whole_pool_has_weights_of_one():
    index, weights = choose(LOGITS, LABELS, N, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(index), np.arange(N))
    np.testing.assert_allclose(weights, 1.0)


def test_no_wrong_answer_leaves_uniform_batches():
    sure = 1e4 * np.eye(C)[LABELS]
    index, weights = choose(sure, LABELS, 50, np.random.default_rng(0))
    assert len(set(index)) == 50
    np.testing.assert_allclose(weights, 1.0)


def test_weights_scale_losses_and_their_quadratic_model():
    weights = RNG.random(N)
    outputs = LOGITS.ravel()
    loss = CrossEntropy(LABELS, C, weights)
    single = np.array([CrossEntropy(LABELS[i : i + 1], C).losses(LOGITS[i : i + 1])[0] for i in range(N)])
    assert loss.losses(outputs[None])[0] == pytest.approx((weights * single).mean())
    plain, model = CrossEntropy(LABELS, C).quadratic(outputs), loss.quadratic(outputs)
    root = np.repeat(np.sqrt(weights), C)
    np.testing.assert_allclose(model.residual, root * plain.residual)
    change = RNG.standard_normal((1, N * C))
    np.testing.assert_allclose(model.transform(change), root * plain.transform(change))


def test_batches_grow_up_to_all_samples():
    objective = ClassificationObjective(blobs(), 20, 0, BatchOptions(growth=0.5))
    sizes = []
    for number in (0, 1, 2, 20):
        objective.load_batch(number)
        sizes.append(objective.inferences_per_candidate)
        assert len(objective.evaluate(LinearChip(), np.zeros((1, 51))).residuals[0]) == 3 * sizes[-1]
    assert sizes == [20, 30, 40, 120]


def test_a_pool_is_paid_for_within_the_budget():
    chip = LinearChip()
    objective = ClassificationObjective(blobs(), 10, 0, BatchOptions(pool=4))
    oracle = metered(chip)
    assert objective.inferences_to_choose == 40
    objective.evaluate(oracle, np.zeros((3, 51)))
    assert (oracle.inferences, objective.inferences_to_choose) == (40 + 3 * 10, 0)
    objective.evaluate(oracle, np.zeros((3, 51)))
    assert oracle.inferences == 40 + 2 * 3 * 10
    method = get_method("gauss-newton")
    for budget in (2_000, 2_059, 2_060):
        # A step takes 10 x 10 probes, a pool of 40 and 6 x 10 trials; the base, twice, a pool and 2 x 10.
        optimizer = method.make(start_on(chip, np.zeros(51)), method.options(), np.random.default_rng(0))
        objective = ClassificationObjective(blobs(), 10, 0, BatchOptions(pool=4))
        run = TrainingRun(chip, objective, optimizer, Limits(max_inferences=budget))
        run.train()
        assert run.inferences <= budget
        assert optimizer.n_steps == (budget - 60) // 200


@pytest.mark.parametrize("pool", [1, 4])
def test_an_interrupted_run_ends_as_a_straight_one(pool):
    chip, method = LinearChip(), get_method("gauss-newton")

    def run(max_steps):
        optimizer = method.make(start_on(chip, np.zeros(51)), method.options(), np.random.default_rng(0))
        objective = ClassificationObjective(blobs(), 20, 0, BatchOptions(growth=0.1, pool=pool))
        return TrainingRun(chip, objective, optimizer, Limits(max_steps=max_steps))

    straight, first, second = run(6), run(3), run(6)
    straight.train()
    first.train()
    second.restore(first.checkpoint())
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert second.inferences == straight.inferences


def test_bad_options_and_checkpoints_are_named():
    with pytest.raises(ArgumentError, match=r"growth: -0\.1; allowed: >= 0"):
        BatchOptions(growth=-0.1)
    with pytest.raises(ArgumentError, match="pool: 0; allowed: >= 1"):
        BatchOptions(pool=0)
    objective = ClassificationObjective(blobs(), 10, 0, BatchOptions(pool=2))
    with pytest.raises(CheckpointError, match="objective 'pool' cannot be read"):
        objective.restore({})

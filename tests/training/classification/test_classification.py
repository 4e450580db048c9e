"""Cross-entropy with its curvature, datasets as arrays, and learning from forward measurements."""

import numpy as np
import pytest
from scipy.special import softmax

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.classification import ClassificationObjective, CrossEntropy, Dataset
from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.oracle import ReadoutOracle
from photonzero.training.trainer import Limits, TrainingRun

B, C = 7, 4
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, C, B)
LOGITS = 0.5 * RNG.standard_normal(B * C)


def test_cross_entropy_is_minus_the_log_of_the_right_probability():
    p = softmax(LOGITS.reshape(B, C), axis=1)
    expected = -np.log(p[np.arange(B), LABELS]).mean()
    assert CrossEntropy(LABELS, C).losses(LOGITS[None])[0] == pytest.approx(expected, rel=1e-12)


def test_the_quadratic_model_has_the_gradient_and_the_hessian_of_the_loss():
    loss = CrossEntropy(LABELS, C)
    model = loss.quadratic(LOGITS)
    whitened = model.transform(np.eye(B * C))
    n = B * C
    p = softmax(LOGITS.reshape(B, C), axis=1)
    gradient = (p - np.eye(C)[LABELS]) / B
    hessian = np.zeros((n, n))
    for b in range(B):
        block = slice(b * C, (b + 1) * C)
        hessian[block, block] = (np.diag(p[b]) - np.outer(p[b], p[b])) / B
    np.testing.assert_allclose(2 * whitened @ model.residual / n, gradient.ravel(), atol=1e-12)
    np.testing.assert_allclose(2 * whitened @ whitened.T / n, hessian, atol=1e-12)


def blobs(n=120, n_classes=3, dim=16):
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((n_classes, dim))
    labels = np.arange(3 * n) % n_classes
    inputs = np.clip(centers[labels] + 0.6 * rng.standard_normal((3 * n, dim)), -3, 3)
    return Dataset(
        "blobs",
        n_classes,
        (inputs[:n], labels[:n]),
        (inputs[n : 2 * n], labels[n : 2 * n]),
        (inputs[2 * n :], labels[2 * n :]),
    )


class LinearChip:
    """Logits of a matrix and biases, all of them controls; or the same as a readout of tanh features."""

    n_controls = 3 * 16 + 3

    @property
    def control_groups(self):
        from photonzero.training.oracle import ControlGroup

        return {"all": ControlGroup(0, self.n_controls, "digital", scale=0.25)}

    def measure(self, controls, inputs):
        weight = controls[:, :48].reshape(-1, 3, 16)
        return np.einsum("pij,bj->pbi", weight, inputs) + controls[:, None, 48:]


class ReadoutOfInputs(LinearChip):
    readout_weight = slice(0, 48)
    readout_bias = slice(48, 51)

    def measure_features(self, controls, inputs):
        return np.broadcast_to(inputs, (len(controls), *inputs.shape))


@pytest.mark.parametrize("chip", [LinearChip(), ReadoutOfInputs()])
def test_generalised_gauss_newton_learns_blobs(chip):
    objective = ClassificationObjective(blobs(), 60, seed=0)
    method = get_method("gauss-newton")
    optimizer = method.make(start_on(chip, np.zeros(51)), method.options(), np.random.default_rng(0))
    run = TrainingRun(chip, objective, optimizer, Limits(max_steps=25))
    run.train()
    assert run.test_error() < 0.1
    assert run.inferences == (2 + 25 * (10 + 5 + 1)) * 60


def test_the_tail_is_the_chip_with_other_readouts():
    chip = ReadoutOfInputs()
    objective = ClassificationObjective(blobs(), 30, seed=0)
    controls = RNG.standard_normal((2, 51))
    evaluation = objective.evaluate(chip, controls, with_readout=True)
    plain = objective.evaluate(chip, controls)
    np.testing.assert_allclose(evaluation.residuals, plain.residuals, atol=1e-12)
    np.testing.assert_allclose(evaluation.losses, plain.losses, atol=1e-12)
    change = RNG.standard_normal(51)
    answer = evaluation.readout.residuals(1, (controls[1] + change)[None])[0]
    columns = evaluation.readout.columns(1, controls[1])
    np.testing.assert_allclose(answer, plain.residuals[1] + columns @ change, atol=1e-10)


def test_batches_are_a_function_of_seed_and_number():
    a, b = (ClassificationObjective(blobs(), 20, seed=3) for _ in range(2))
    chip, controls = LinearChip(), np.random.default_rng(0).standard_normal((1, 51))
    a.load_batch(5)
    first = a.evaluate(chip, controls).losses
    a.load_batch(6)
    assert a.evaluate(chip, controls).losses != first
    b.load_batch(5)
    np.testing.assert_array_equal(b.evaluate(chip, controls).losses, first)


def test_the_published_network_answers_with_logits():
    chip = fabricate(get_design("tt-mnist"), preset("ideal"), 0)
    assert not isinstance(chip, ReadoutOracle)
    inputs, labels = RNG.random((20, 784)), np.arange(20) % 10
    part = (inputs, labels)
    objective = ClassificationObjective(Dataset("noise", 10, part, part, part), 20, seed=0)
    controls = chip.initial_controls(np.random.default_rng(0))
    assert objective.evaluate(chip, controls[None]).residuals.shape == (1, 200)
    assert 0 <= objective.test_error(chip, controls) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": (np.zeros((3, 2)), np.zeros(4, int))}, r"train: inputs \(3, 2\), labels \(4,\)"),
        ({"test": (np.full((2, 2), np.nan), np.array([0, 1]))}, "test: NaN or infinity"),
        ({"validation": (np.zeros((2, 2)), np.array([0, 2]))}, "labels 0 to 2; allowed: 0 to 1"),
        ({"train": (np.zeros((2, 2)), np.array([0, 0]))}, "no example of class 1"),
    ],
)
def test_bad_data_is_named(change, message):
    good = (np.zeros((2, 2)), np.array([0, 1]))
    with pytest.raises(ArgumentError, match=message):
        Dataset("d", 2, **{"train": good, "validation": good, "test": good, **change})


def test_a_batch_larger_than_the_data_is_named():
    with pytest.raises(ArgumentError, match="batch_size: 121; allowed: 1 to 120, all of blobs"):
        ClassificationObjective(blobs(), 121, seed=0)

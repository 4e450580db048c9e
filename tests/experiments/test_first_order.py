"""The exact gradients that forward-only training is compared with: right, and unable to reach a chip."""

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tables.first_order import (
    ExactNetwork,
    FirstOrderOptions,
    train_first_order,
)
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.designs import get_design
from photonzero.training.classification import CrossEntropy, Dataset, ImageFrame
from photonzero.training.errors import ArgumentError

RNG = np.random.default_rng(0)
TT = NetworkDesign(
    "small",
    "6-12-4 as tensor trains",
    (
        TTLayer((2, 3, 2), (3, 1, 2), (1, 2, 3, 1), "tanh", Numbers(), gain=1.5),
        TTLayer((1, 2, 2), (2, 3, 2), (1, 2, 2, 1), "identity", Numbers()),
    ),
    n_out=4,
    readout=False,
)
DENSE = NetworkDesign(
    "dense",
    "6-12-4, dense",
    (dense_layer(12, 6, "relu", Numbers()), dense_layer(4, 12, "identity", Numbers())),
    n_out=4,
    readout=False,
)


@pytest.mark.parametrize("design", [TT, DENSE], ids=lambda design: design.name)
def test_logits_and_gradient_are_those_of_the_chip(design):
    chip = fabricate(design, preset("ideal"), 0, dtype=np.float64)
    network = ExactNetwork(design)
    controls = chip.initial_controls(RNG)
    inputs, labels = RNG.standard_normal((9, 6)), np.arange(9) % 4
    np.testing.assert_allclose(
        network.logits(controls, inputs), chip.measure(controls[None], inputs)[0], rtol=2e-5, atol=2e-5
    )
    loss, gradient = network.loss_and_gradient(controls, inputs, labels)
    # Central differences of what the chip answers, control after control: an independent route.
    step = 1e-5 * np.eye(controls.size)
    settings = np.concatenate([controls + step, controls - step])
    losses = CrossEntropy(labels, 4).losses(chip.measure(settings, inputs).reshape(len(settings), -1))
    measured = (losses[: controls.size] - losses[controls.size :]) / 2e-5
    assert loss == pytest.approx(
        CrossEntropy(labels, 4).losses(chip.measure(controls[None], inputs).reshape(1, -1))[0], rel=1e-5
    )
    np.testing.assert_allclose(gradient, measured, rtol=1e-4, atol=2e-6)


def test_it_learns_and_returns_what_validates_best():
    labels = np.arange(120) % 4
    inputs = np.random.default_rng(1).standard_normal((4, 6))[labels] + 0.3 * RNG.standard_normal((120, 6))
    part = (inputs, labels)
    data = Dataset("blobs", 4, part, part, part)
    network = ExactNetwork(TT)
    start = fabricate(TT, preset("ideal"), 0).initial_controls(np.random.default_rng(2))
    reports = []
    options = FirstOrderOptions(epochs=15, batch_size=20, learning_rate=0.05)
    best = train_first_order(network, start, data, options, np.random.default_rng(3), reports.append)
    error = (network.logits(best, inputs).argmax(axis=1) != labels).mean()
    assert error == min(report.validation_error for report in reports) < 0.1
    assert (reports[-1].step, reports[-1].images) == (15 * 6, 15 * 120)


def test_shifted_images_are_learned_too():
    image = np.zeros((4, 2, 3))
    image[np.arange(4), np.arange(4) % 2, np.arange(4) // 2] = 1.0
    labels = np.arange(40) % 4
    part = (image.reshape(4, 6)[labels], labels)
    options = FirstOrderOptions(epochs=20, batch_size=20, learning_rate=0.05, shift_px=1)
    plain = FirstOrderOptions(epochs=20, batch_size=20, learning_rate=0.05)
    network = ExactNetwork(TT)
    start = fabricate(TT, preset("ideal"), 0).initial_controls(np.random.default_rng(2))

    def trained(frame, options):
        reports = []
        data = Dataset("dots", 4, part, part, part, frame)
        train_first_order(network, start, data, options, np.random.default_rng(3), reports.append)
        return reports[-1].loss

    # A dot that has left its place belongs to several classes: it cannot be told any more.
    frame = ImageFrame(2, 3, 0.0)
    assert trained(frame, options) > 2 * trained(frame, plain)
    with pytest.raises(ArgumentError, match="shift_px: 1; allowed: 0, dots has no images"):
        trained(None, options)


def test_what_has_no_exact_gradient_is_named():
    with pytest.raises(UsageError, match="design tonn-mnist: meshes, relu; allowed for exact gradients"):
        ExactNetwork(get_design("tonn-mnist"))
    with pytest.raises(UsageError, match="design tt-digits: a readout"):
        ExactNetwork(get_design("tt-digits"))
    with pytest.raises(ArgumentError, match="epochs: 0; allowed: >= 1"):
        FirstOrderOptions(epochs=0)
    with pytest.raises(ArgumentError, match="learning_rate: nan; allowed: > 0"):
        FirstOrderOptions(learning_rate=float("nan"))
    with pytest.raises(ArgumentError, match="shift_px: -1; allowed: >= 0"):
        FirstOrderOptions(shift_px=-1)

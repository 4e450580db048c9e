"""Layers driven by biases and read through those behind them."""

from itertools import pairwise

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.behind import Behind, amplification, best_views, flatness, inverse, invertible
from photonzero.training.layers.network import activated
from photonzero.training.layers.oracle import CoreFormat, LayerFormat, LayerReading
from photonzero.training.layers.through_last import ThroughLast
from photonzero.training.layers.weighing import weighed, weighing_design

SIZES = (3, 6, 6, 6)
ACTIVATIONS = ("tanh", "sin", "sin")


class ThreeLayers:
    """A network of three layers, each turned by one control; only the last is read."""

    def __init__(self, stds=(0.0, 0.0, 0.0)):
        rng = np.random.default_rng(5)
        self.parts = [0.6 * rng.standard_normal((2, m, n)) for n, m in pairwise(SIZES)]
        self.stds, self.rng = stds, np.random.default_rng(6)
        self.layers = []
        place = 0
        for (n, m), activation in zip(pairwise(SIZES), ACTIVATIONS, strict=True):
            own = CoreFormat(slice(place, place + 1))
            bias = slice(place + 1, place + 1 + m)
            self.layers.append(LayerFormat((m,), (n,), (1, 1), activation, bias, (own,)))
            place = bias.stop
        self.n_controls = place

    def matrix(self, k, controls):
        angle = controls[self.layers[k].cores[0].controls][0]
        return np.cos(angle) * self.parts[k][0] + np.sin(angle) * self.parts[k][1]

    def read(self, question):
        answers = []
        for controls in question.controls:
            here = question.inputs
            for k, own in enumerate(self.layers):
                reading = here @ self.matrix(k, controls).T
                reading = reading + self.stds[k] * self.rng.standard_normal(reading.shape)
                here = activated(own.activation, reading + controls[own.bias])
            answers.append(reading)
        return np.stack(answers)


def opened(chip, n_views, size=0.1, repeats=1):
    """What puts questions to its layers, its views found; and the setting it stands at."""
    through = ThroughLast(
        chip.layers, [[np.array([own.cores[0].controls.start])] for own in chip.layers], n_views
    )
    rng = np.random.default_rng(1)
    here = rng.standard_normal(chip.n_controls)
    for k in (2, 1):
        candidates = np.repeat(here[None], 6, axis=0)
        candidates[:, chip.layers[k].cores[0].controls] = rng.uniform(0.0, 6.0, (6, 1))
        pool = through.pool(k, candidates, size, rng)
        through.choose(pool, through.answered(pool, chip.read(through.asked(pool))))
        views = through.views(k, repeats, size, rng)
        through.learn(views, through.answered(views, chip.read(through.asked(views))))
    return through, here


@pytest.mark.parametrize("n_views", [1, 3])
def test_every_layer_answers_as_if_it_stood_alone(n_views):
    chip = ThreeLayers()
    through, here = opened(chip, n_views)
    settings = here + 0.3 * np.random.default_rng(2).standard_normal((4, chip.n_controls))
    for k, own in enumerate(chip.layers):
        question = LayerReading(k, settings, 0.2 * np.random.default_rng(3).uniform(-1, 1, (5, own.n_in)))
        asked = through.asked(question)
        copies = 1 if k == 2 else n_views
        assert asked.n_inferences == copies * question.n_inferences
        found = through.answered(question, chip.read(asked))
        truth = np.stack([question.vectors @ chip.matrix(k, setting).T for setting in settings])
        # Corrections end at 1e-8 of what is presented, amplified where a view hides something.
        np.testing.assert_allclose(found, truth, rtol=0, atol=1e-5)


def test_its_matrices_and_views_go_through_a_state():
    chip = ThreeLayers()
    through, here = opened(chip, 2)
    again, _ = opened(chip, 2)
    again.matrices = {}
    again.restore(through.state())
    question = LayerReading(0, here[None], 0.1 * np.eye(3))
    asked = again.asked(question)
    np.testing.assert_array_equal(asked.controls, through.asked(question).controls)
    answer = chip.read(asked)
    np.testing.assert_array_equal(again.answered(question, answer), through.answered(question, answer))


def test_noise_of_what_is_found_follows_from_the_slopes():
    """One linear layer behind, in three views; 4 sigma of a mean square of 3,000 numbers."""
    rng = np.random.default_rng(0)
    matrices = rng.standard_normal((3, 6, 6))
    behind = Behind(["identity"], [matrices])
    last = 1e-2 * rng.standard_normal((500, 3, 6))
    found = behind.readings(last)
    ratio = (found**2).mean() / (1e-2 * behind.amplification) ** 2
    # Numbers of one row share their noise: between 500 and 3,000 of them are independent.
    assert abs(ratio - 1.0) < 4.0 * np.sqrt(2.0 / 500)


def test_the_noise_of_every_layer_of_three_is_told_from_the_last():
    stds = np.array([2e-3, 2e-3, 1e-3])
    chip = ThreeLayers(stds)
    through, here = opened(chip, 3, size=0.3, repeats=400)
    rng = np.random.default_rng(4)
    questions, last, matrices = [], [], []
    for k, size in enumerate((0.2, 0.2, 1.0)):
        vectors = size * np.sign(weighing_design(SIZES[k], 400, 1.0, rng))
        questions.append(LayerReading(k, here[None], vectors))
        last.append(chip.read(through.asked(questions[-1])))
        found = through.answered(questions[-1], last[-1])
        matrices.append(weighed(found, vectors)[0])
    left = found[0] - vectors @ matrices[-1].T
    found = through.detector_variances(questions, last, matrices, float((left**2).mean()))
    # The first two reach the last readings through much the same matrices: told apart to a quarter.
    np.testing.assert_allclose(np.sqrt(found), stds, rtol=0.25)


def test_views_that_together_hide_nothing_are_chosen():
    hidden = [np.diag(own) for own in ([1.0, 1.0, 0.0], [1.0, 1.0, 1e-3], [0.0, 0.0, 1.0])]
    chosen = best_views(np.array(hidden), 2)
    assert chosen == [1, 2]
    assert amplification(np.array(hidden)[chosen]) < amplification(hidden[1])
    assert amplification(hidden[0]) == np.inf


@pytest.mark.parametrize("activation", ["identity", "sin", "tanh"])
def test_what_biases_present_is_what_the_activation_makes_of_them(activation):
    presented = np.linspace(-1.0, 1.0, 9)
    np.testing.assert_allclose(activated(activation, inverse(activation, presented)), presented, atol=1.1e-7)
    z, h = inverse(activation, 0.9 * presented), 1e-6
    slopes = (activated(activation, z + h) - activated(activation, z - h)) / (2 * h)
    np.testing.assert_allclose(flatness(activation, 0.9 * presented), slopes, rtol=1e-8)


def test_activations_that_are_not_odd_are_refused():
    for name in ("relu", "gelu"):
        with pytest.raises(
            ArgumentError, match=f"activation: '{name}' before the last layer.*allowed: identity"
        ):
            invertible(name)

"""Anchored coordinates: the place of a layer's inputs does not matter."""

import numpy as np

from photonzero.training.layers.anchors import about_anchors, anchors, answered, bias_slopes
from photonzero.training.layers.network import MeasuredLayer
from photonzero.training.layers.priced_readout import ReducedModel
from photonzero.training.layers.tensor_train import tt_matrix

RNG = np.random.default_rng(0)
CORES = [
    [RNG.standard_normal((1, 4, 2, 2)), RNG.standard_normal((2, 2, 1, 1))],
    [RNG.standard_normal((1, 3, 8, 1))],
]
POINTS = RNG.standard_normal((200, 2))


class Points:
    """Of a batch what anchors are made from."""

    def __init__(self, places):
        self.places = places

    def judged(self, n_points):
        assert n_points >= len(self.places)
        return self.places, np.ones((len(self.places), 1))


def network(shift=0.0, cores=CORES):
    """Two layers; inputs moved by `shift` and biases against it, so that features are the same."""
    biases = [np.linspace(-1, 1, 8), np.linspace(-0.5, 0.5, 3)]
    biases[0] = biases[0] - tt_matrix(CORES[0]) @ np.full(2, shift)
    return [MeasuredLayer.of(own, bias, "tanh") for own, bias in zip(cores, biases, strict=True)]


def test_an_anchor_is_where_a_feature_is_steep():
    here = anchors(network(), Points(POINTS))
    there = anchors(network(5.0), Points(POINTS + 5.0))
    np.testing.assert_allclose(there[0], here[0] + 5.0, rtol=1e-9)
    np.testing.assert_allclose(there[1], here[1], rtol=1e-9)
    # Slope 20 at x = 1: sech^2 (20 (x - 1)) sums to 0.1 over a spacing of 0.006, against 1 % of 1,001.
    steep = [MeasuredLayer.of([np.full((1, 1, 1, 1), 20.0)], np.array([-20.0]), "tanh")]
    (center,) = anchors(steep, Points(np.linspace(-3, 3, 1001)[:, None]))
    np.testing.assert_allclose(center, (0.1 / 0.006) / (0.1 / 0.006 + 10.01), rtol=1e-6)


def test_slopes_of_the_biases_are_differences_of_the_anchored_reading():
    layers, centers = network(), anchors(network(), Points(POINTS))
    changes = [[RNG.standard_normal((3, core.size)) for core in own] for own in CORES]
    slopes = bias_slopes(layers, changes, centers)
    assert slopes.shape == (11, 9)
    column = 0
    for k, own in enumerate(CORES):
        for c in range(len(own)):
            for change in changes[k][c]:
                moved = [list(cores) for cores in CORES]
                moved[k][c] = own[c] + change.reshape(own[c].shape)
                # A core enters linearly: a difference of any size is exact.
                expected = -answered(layers, network(cores=moved), centers)
                np.testing.assert_allclose(slopes[:, column], expected, atol=1e-10)
                column += 1


def test_a_model_about_anchors_is_the_model_at_biases_that_answer():
    root = RNG.standard_normal((12, 7))
    model = ReducedModel(root.T @ root, RNG.standard_normal(7))
    slopes = RNG.standard_normal((3, 4))
    about = about_anchors(model, slopes)
    turn, bias = RNG.standard_normal(4), RNG.standard_normal(3)
    own, moved = np.concatenate([turn, bias]), np.concatenate([turn, bias - slopes @ turn])
    np.testing.assert_allclose(own @ about.curvature @ own, moved @ model.curvature @ moved)
    np.testing.assert_allclose(about.slope @ own, model.slope @ moved)

"""Shifted images: what moves, what is lost, and batches that stay a function of seed and number."""

import numpy as np
import pytest

from photonzero.training.classification import (
    BatchOptions,
    ClassificationObjective,
    Dataset,
    ImageFrame,
    draw_shifts,
    shifted,
)
from photonzero.training.errors import ArgumentError
from tests.training.classification.test_classification import LinearChip

FRAME = ImageFrame(4, 5, background=-1.0)
RNG = np.random.default_rng(0)


def test_shifted_agrees_with_a_loop_over_pixels():
    images = RNG.random((30, 20))
    shifts = draw_shifts(30, 2, RNG)
    expected = np.full((30, 4, 5), -1.0)
    for i, (down, right) in enumerate(shifts):
        for row in range(4):
            for column in range(5):
                if 0 <= row + down < 4 and 0 <= column + right < 5:
                    expected[i, row + down, column + right] = images[i].reshape(4, 5)[row, column]
    np.testing.assert_array_equal(shifted(images, FRAME, shifts), expected.reshape(30, 20))


def test_no_shift_changes_nothing():
    images = RNG.random((3, 20))
    np.testing.assert_array_equal(shifted(images, FRAME, np.zeros((3, 2), dtype=int)), images)


def test_shifts_are_drawn_alike():
    shifts = draw_shifts(9000, 1, np.random.default_rng(1))
    counts = np.bincount(((shifts + 1) @ [3, 1]), minlength=9)
    assert counts.sum() == 9000
    # Nine outcomes of 1,000 each, with a deviation of 30.
    assert np.abs(counts - 1000).max() < 150


def test_vectors_of_another_length_are_refused():
    with pytest.raises(ArgumentError, match=r"inputs: \(2, 19\); allowed: \(N, 4 x 5\)"):
        shifted(np.zeros((2, 19)), FRAME, np.zeros((2, 2), dtype=int))


def pictures(frame):
    inputs, labels = np.random.default_rng(2).random((60, 16)), np.arange(60) % 3
    part = (inputs, labels)
    return Dataset("pictures", 3, part, part, part, frame)


@pytest.mark.parametrize("pool", [1, 3])
def test_shifted_batches_are_a_function_of_seed_and_number(pool):
    def objective(shift_px):
        options = BatchOptions(pool=pool, shift_px=shift_px)
        return ClassificationObjective(pictures(ImageFrame(4, 4, 0.0)), 12, 3, options)

    chip, controls = LinearChip(), np.random.default_rng(0).standard_normal((1, 51))
    run, plain = objective(1), objective(0)
    for number in (4, 5):
        run.load_batch(number)
        plain.load_batch(number)
        losses = run.evaluate(chip, controls).losses
        assert losses != plain.evaluate(chip, controls).losses
    again = objective(1)
    again.load_batch(5)
    again.restore(run.state())
    np.testing.assert_array_equal(again.evaluate(chip, controls).losses, losses)


def test_what_has_no_images_cannot_be_shifted():
    with pytest.raises(ArgumentError, match="shift_px: 1; allowed: 0, pictures has no images"):
        ClassificationObjective(pictures(None), 12, 3, BatchOptions(shift_px=1))
    with pytest.raises(ArgumentError, match="shift_px: -1; allowed: >= 0"):
        BatchOptions(shift_px=-1)
    with pytest.raises(ArgumentError, match="pictures frame: 5 x 4 pixels; allowed: 16 in all"):
        pictures(ImageFrame(5, 4, 0.0))

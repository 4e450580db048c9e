"""Images as vectors, and the same images moved by a few pixels: more of them than were collected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array


@dataclass(frozen=True)
class ImageFrame:
    """What a vector is a picture of, row after row.

    Attributes:
        height_px: number of rows of pixels.
        width_px: number of columns of pixels.
        background: value of an empty pixel.
    """

    height_px: int
    width_px: int
    background: float


def draw_shifts(n: int, largest_px: int, rng: np.random.Generator) -> Array:
    """Shifts (n, 2), down and to the right [px], all from -largest_px to largest_px alike."""
    return rng.integers(-largest_px, largest_px + 1, (n, 2))


def shifted(inputs: Array, frame: ImageFrame, shifts_px: Array) -> Array:
    """Images that are moved; what leaves the frame is lost, what is uncovered is background.

    Args:
        inputs: N images as vectors, (N, height_px * width_px).
        frame: the shape of the images.
        shifts_px: integer shifts down and to the right, (N, 2) [px].

    Returns:
        The moved images, (N, height_px * width_px), of the type of the inputs.

    Raises:
        ArgumentError: vectors of another length than the frame's.
    """
    height, width = frame.height_px, frame.width_px
    if inputs.shape[1] != height * width:
        raise ArgumentError(f"inputs: {inputs.shape}; allowed: (N, {height} x {width})")
    margin = int(np.abs(shifts_px).max(initial=0))
    images = inputs.reshape(-1, height, width)
    around = ((0, 0), (margin, margin), (margin, margin))
    padded = np.pad(images, around, constant_values=frame.background)
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))
    corner = margin - shifts_px
    return windows[np.arange(len(images)), corner[:, 0], corner[:, 1]].reshape(len(images), -1)

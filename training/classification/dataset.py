"""Labelled vectors with a fixed split, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.training.classification.images import ImageFrame
from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Vectors and labels, split once for all.

    Attributes:
        name: name of the data, in messages.
        n_classes: number of classes; labels are 0 to n_classes - 1.
        train: inputs (N, d) and labels (N,) that batches are drawn from.
        validation: inputs and labels for stopping and for choosing settings.
        test: inputs and labels that are measured once, at the end.
        frame: the shape of the images that the vectors are; None where they are none.
    """

    name: str
    n_classes: int
    train: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]
    frame: ImageFrame | None = None

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            inputs, labels = getattr(self, part)
            if inputs.ndim != 2 or labels.shape != (len(inputs),) or len(inputs) == 0:
                raise ArgumentError(
                    f"{self.name} {part}: inputs {inputs.shape}, labels {labels.shape}; "
                    "allowed: (N >= 1, d) and (N,)"
                )
            if not np.isfinite(inputs).all():
                raise ArgumentError(f"{self.name} {part}: NaN or infinity; allowed: finite inputs")
            if labels.min() < 0 or labels.max() >= self.n_classes:
                raise ArgumentError(
                    f"{self.name} {part}: labels {labels.min()} to {labels.max()}; "
                    f"allowed: 0 to {self.n_classes - 1}"
                )
        if self.frame is not None and self.frame.height_px * self.frame.width_px != self.dim:
            raise ArgumentError(
                f"{self.name} frame: {self.frame.height_px} x {self.frame.width_px} pixels; "
                f"allowed: {self.dim} in all"
            )
        empty = np.setdiff1d(np.arange(self.n_classes), self.train[1])
        if empty.size:
            raise ArgumentError(f"{self.name} train: no example of class {empty[0]}; allowed: at least one")

    def frame_to_shift(self, shift_px: int) -> ImageFrame | None:
        """The shape of images that are moved by up to `shift_px`; None where that is 0.

        Raises:
            ArgumentError: the vectors are no images.
        """
        if shift_px == 0:
            return None
        if self.frame is None:
            raise ArgumentError(f"shift_px: {shift_px}; allowed: 0, {self.name} has no images")
        return self.frame

    @property
    def dim(self) -> int:
        """Number of entries of an input, d."""
        return self.train[0].shape[1]

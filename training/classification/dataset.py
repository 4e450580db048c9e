"""Labelled vectors with a fixed split, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.errors import ArgumentError
from training.oracle import Array


@dataclass(frozen=True, eq=False)
class Dataset:
    """Vectors and labels, split once for all.

    Attributes:
        name: of the data.
        n_classes: labels are 0 to n_classes - 1.
        train: (inputs (N, d), labels (N,)) that batches are drawn from.
        validation: the same for stopping and for choosing settings.
        test: the same, measured once at the end.
    """

    name: str
    n_classes: int
    train: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]

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
        empty = np.setdiff1d(np.arange(self.n_classes), self.train[1])
        if empty.size:
            raise ArgumentError(f"{self.name} train: no example of class {empty[0]}; allowed: at least one")

    @property
    def dim(self) -> int:
        """Entries of an input."""
        return self.train[0].shape[1]

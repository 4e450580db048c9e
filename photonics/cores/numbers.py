"""Cores as digital numbers: the baseline without optics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from photonzero.photonics.cores.base import Core, FloatArray, Light, Part
from photonzero.photonics.errors import PhotonicsError


@dataclass(frozen=True)
class Numbers(Core):
    """Every entry of the matrix is a control.

    Attributes:
        bits: cores and biases of the layer are integers of so many bits times a step; None for real
            numbers.
        range: largest such number, in units of the group's scale; larger settings saturate.
    """

    kind: ClassVar[str] = "numbers"
    bits: int | None = None
    range: float = 6.0

    is_optical: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= 16:
            raise PhotonicsError(f"numbers: bits {self.bits}; allowed: 2 to 16")
        if not (math.isfinite(self.range) and self.range > 0):
            raise PhotonicsError(f"numbers: range {self.range}; allowed: > 0")

    @property
    def largest_code(self) -> int | None:
        """Integers go from minus to plus this; None for real numbers."""
        return None if self.bits is None else 2 ** (self.bits - 1) - 1

    def code_step(self, scale: float) -> float:
        """See `Core.code_step`."""
        return 0.0 if self.largest_code is None else self.range * scale / self.largest_code

    def reach(self, std: float) -> tuple[float, float]:
        """No end for real numbers; the largest integers."""
        largest = math.inf if self.bits is None else self.range * std
        return -largest, largest

    def parts(self, rows: int, columns: int) -> tuple[Part, ...]:
        """One number an entry, row after row."""
        return (Part("", "number", (1, rows * columns)),)

    def initial(self, rows: int, columns: int, std: float, rng: np.random.Generator) -> list[FloatArray]:
        """Gaussian entries."""
        return [std * rng.standard_normal((1, rows * columns))]

    def matrices(
        self, settings: Sequence[FloatArray], rows: int, columns: int, light: Light
    ) -> npt.NDArray[Any]:
        """The numbers themselves."""
        return settings[0].reshape(-1, rows, columns)

    def load(self, matrix: FloatArray, std: float) -> list[FloatArray]:
        """The entries."""
        return [matrix.reshape(1, -1)]

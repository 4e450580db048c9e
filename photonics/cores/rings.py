"""Cores as rows of microrings: a row of rings an output, all rows on the same wavelengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import InsertionLoss
from photonzero.devices.microring import Microring
from photonzero.photonics.cores.base import Core, FloatArray, Light, Part, require_limit
from photonzero.photonics.cores.microring_bank import MicroringBank
from photonzero.photonics.errors import PhotonicsError

FULL_DRIVE_RAD = 2.0 * math.pi
"""Drives are counted in the radians that the same heater would give a phase: a turn is the full range."""

_CENTRE_NM = 1550.0


@dataclass(frozen=True)
class Rings(Core):
    """A matrix of weights from -1 to 1 times `s_max`; a balanced detector stands behind every row.

    Attributes:
        ring: that all positions are copies of.
        spacing_nm: of neighbouring channels [nm]. Default 0.8, 100 GHz.
        max_detuning_nm: that a full drive tunes a ring from its channel to the red [nm].
        s_max: what weights are multiplied with; the part above 1 is electronic gain. None for three
            standard deviations of the entries that keep the variance of a signal.
    """

    kind: ClassVar[str] = "rings"
    ring: Microring = field(default_factory=Microring)
    spacing_nm: float = 0.8
    max_detuning_nm: float = 0.4
    s_max: float | None = None

    cascades: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 < self.spacing_nm < _CENTRE_NM / 1000:
            raise PhotonicsError(f"rings: spacing_nm {self.spacing_nm}; allowed: > 0, < {_CENTRE_NM / 1000}")
        require_limit("rings", self.s_max)
        self.bank(2)

    def bank(self, n: int) -> MicroringBank:
        """The weight bank of a row of n rings."""
        return _bank(self.ring, self.spacing_nm, self.max_detuning_nm, n)

    def parts(self, rows: int, columns: int) -> tuple[Part, ...]:
        """The drives of a row of rings, for every row."""
        # Rings stand along a bus; a row and the next one are far apart.
        along, bus = np.zeros(columns, np.int64), 2 * np.arange(columns)
        return (Part("rings", "drive", (rows, columns), along, bus),)

    def initial(self, rows: int, columns: int, std: float, rng: np.random.Generator) -> list[FloatArray]:
        """Drives of Gaussian entries, those out of reach at the nearest weight."""
        return self.load(std * rng.standard_normal((rows, columns)), std)

    def matrices(
        self, settings: Sequence[FloatArray], rows: int, columns: int, light: Light
    ) -> npt.NDArray[Any]:
        """Weights of the rows, crosstalk between channels included."""
        share = np.clip(settings[0] / FULL_DRIVE_RAD, 0.0, 1.0)
        return light.gain * self.bank(columns).weights(share * self.max_detuning_nm, light.offset_nm)

    def load(self, matrix: FloatArray, std: float) -> list[FloatArray]:
        """Drives that apply weights where rings do not disturb each other; the nearest ones out of reach."""
        bank = self.bank(matrix.shape[1])
        low, high = bank.weight_range
        reachable = np.clip(matrix / self.limit(std), low, high)
        detuning_nm = bank.detuning_for(reachable, compensate_crosstalk=False)
        return [detuning_nm / self.max_detuning_nm * FULL_DRIVE_RAD]

    def limit(self, std: float) -> float:
        """Largest weight; singular values of the whole matrix can be larger."""
        return 3.0 * std if self.s_max is None else self.s_max

    def gain(self, std: float, loss: InsertionLoss) -> float:
        """See `Core.gain`; light passes no cell of a mesh."""
        return self.limit(std)


@lru_cache(maxsize=64)
def _bank(ring: Microring, spacing_nm: float, max_detuning_nm: float, n: int) -> MicroringBank:
    channels = _CENTRE_NM + spacing_nm * np.arange(n)
    return MicroringBank(tuple(channels.tolist()), ring, max_detuning_nm)

"""Matrices of microrings: a row of rings an output, all rows on the same wavelengths."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.devices.microring import Microring
from photonzero.photonics.cores.microring_bank import MicroringBank
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]

FULL_DRIVE_RAD = 2.0 * math.pi
"""Drives are counted in the radians that the same heater would give a phase: a turn is the full range."""

_CENTRE_NM = 1550.0


@dataclass(frozen=True)
class RingRows:
    """How the rows of a microring layer are built.

    Attributes:
        ring: that all positions are copies of.
        spacing_nm: of neighbouring channels [nm]. Default 0.8, 100 GHz.
        max_detuning_nm: that a full drive tunes a ring from its channel to the red [nm].
    """

    ring: Microring = field(default_factory=Microring)
    spacing_nm: float = 0.8
    max_detuning_nm: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.spacing_nm < _CENTRE_NM / 1000:
            raise PhotonicsError(f"rings: spacing_nm {self.spacing_nm}; allowed: > 0, < {_CENTRE_NM / 1000}")
        self.bank(2)

    def bank(self, n: int) -> MicroringBank:
        """The weight bank of a row of n rings."""
        return _bank(self, n)

    def weights(self, drive_rad: FloatArray) -> FloatArray:
        """Weights of rows in a population, crosstalk between channels included.

        Args:
            drive_rad: (..., n); beyond none and full drive a driver saturates [rad].

        Returns:
            (..., n), from -1 to 1.
        """
        share = np.clip(drive_rad / FULL_DRIVE_RAD, 0.0, 1.0)
        return self.bank(drive_rad.shape[-1]).weights(share * self.max_detuning_nm)

    def drives(self, weights: FloatArray) -> FloatArray:
        """Drives that apply weights where rings do not disturb each other; the nearest ones out of reach.

        Args:
            weights: (..., n).

        Returns:
            (..., n) [rad].
        """
        bank = self.bank(weights.shape[-1])
        low, high = bank.weight_range
        reachable = np.clip(weights, low, high)
        detuning_nm = bank.detuning_for(reachable, compensate_crosstalk=False)
        return detuning_nm / self.max_detuning_nm * FULL_DRIVE_RAD


@lru_cache(maxsize=64)
def _bank(rows: RingRows, n: int) -> MicroringBank:
    channels = _CENTRE_NM + rows.spacing_nm * np.arange(n)
    return MicroringBank(tuple(channels.tolist()), rows.ring, rows.max_detuning_nm)

"""Light that does not arrive: decibels, amplitudes, and the loss of a cell and its shifters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]

LARGEST_DB = 80.0
"""Loss of a part behind which no light is left to speak of [dB]."""


def power_transmission(loss_db: npt.ArrayLike) -> FloatArray:
    """Fraction of the power that is left, ``10^(-loss / 10)``.

    Args:
        loss_db: any shape, >= 0 [dB].

    Returns:
        Same shape, in (0, 1].

    Raises:
        DeviceError: a negative loss (a passive part cannot amplify) or NaN.
    """
    loss = np.asarray(loss_db, dtype=np.float64)
    bad = ~(loss >= 0.0)
    if bad.any():
        raise DeviceError(f"loss_db: {loss[bad][0]}; allowed: >= 0, a passive part cannot amplify")
    return 10.0 ** (-loss / 10.0)


def amplitude_transmission(loss_db: npt.ArrayLike) -> FloatArray:
    """Factor on the field, ``10^(-loss / 20)``: the square root of `power_transmission`.

    Args:
        loss_db: any shape, >= 0 [dB].

    Returns:
        Same shape, in (0, 1].

    Raises:
        DeviceError: a negative loss or NaN.
    """
    return np.sqrt(power_transmission(loss_db))


def loss_db(transmission: npt.ArrayLike) -> FloatArray:
    """Loss of a power transmission, ``-10 log10(transmission)``.

    Args:
        transmission: fraction of the power that is left, any shape, in (0, 1].

    Returns:
        Same shape [dB].

    Raises:
        DeviceError: a transmission outside (0, 1].
    """
    fraction = np.asarray(transmission, dtype=np.float64)
    bad = ~((fraction > 0.0) & (fraction <= 1.0))
    if bad.any():
        raise DeviceError(f"transmission: {fraction[bad][0]}; allowed: > 0 and <= 1")
    # abs turns the -0.0 of a perfect transmission into 0.0.
    return np.abs(10.0 * np.log10(fraction))


@dataclass(frozen=True)
class InsertionLoss:
    """Loss of the parts of a mesh; static.

    Both arms of an MZI pass two couplers, so the cell loss is common to both and commutes with the
    mesh. A phase shifter sits in one arm only: its loss unbalances the interferometer.

    Attributes:
        cell_db: loss of an MZI without its phase shifters: couplers and waveguides [dB]. Default 0,
            ideal.
        phase_shifter_db: loss of one phase shifter [dB]. Default 0, ideal; a doped-silicon heater
            was measured at 0.23 dB [harris2014].
        cell_std_db: standard deviation of the loss of one cell from the next, gamma distributed about
            `cell_db`, since no loss is negative [dB]. None, ideal: every cell has the nominal one.
        phase_shifter_std_db: the same of a phase shifter [dB].
    """

    cell_db: float = 0.0
    phase_shifter_db: float = 0.0
    cell_std_db: float | None = None
    phase_shifter_std_db: float | None = None

    def __post_init__(self) -> None:
        require_number("insertion_loss.cell_db", self.cell_db, low=0.0, high=LARGEST_DB)
        require_number("insertion_loss.phase_shifter_db", self.phase_shifter_db, low=0.0, high=LARGEST_DB)
        for name in ("cell", "phase_shifter"):
            spread, mean_db = getattr(self, f"{name}_std_db"), getattr(self, f"{name}_db")
            if spread is not None:
                require_number(f"insertion_loss.{name}_std_db", spread, low=1e-9)
                if mean_db == 0.0:
                    raise DeviceError(f"insertion_loss.{name}_std_db: {spread}; allowed with {name}_db > 0")

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return "" if self.is_ideal else f"{self.cell_db + self.phase_shifter_db:g} dB a cell"

    @property
    def is_uniform(self) -> bool:
        """Whether all parts of a kind lose the same."""
        return self.cell_std_db is None and self.phase_shifter_std_db is None

    def draw_cell_db(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Losses of n fabricated cells without their shifters, (n,) [dB]."""
        return _draw_db(self.cell_db, self.cell_std_db, n, rng)

    def draw_phase_shifter_db(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Losses of n fabricated phase shifters, (n,) [dB]."""
        return _draw_db(self.phase_shifter_db, self.phase_shifter_std_db, n, rng)

    @property
    def is_ideal(self) -> bool:
        """Whether no light is lost."""
        return self.cell_db == 0.0 and self.phase_shifter_db == 0.0

    @property
    def cell_amplitude(self) -> float:
        """Factor on both fields that leave a cell."""
        return float(amplitude_transmission(self.cell_db))

    @property
    def push_pull_amplitude(self) -> float:
        """Factor on both fields that leave a cell with a phase shifter in either arm."""
        return self.cell_amplitude * self.phase_shifter_amplitude

    @property
    def phase_shifter_amplitude(self) -> float:
        """Factor on the field in the arm that holds a phase shifter."""
        return float(amplitude_transmission(self.phase_shifter_db))


def _draw_db(mean_db: float, std_db: float | None, n: int, rng: np.random.Generator) -> FloatArray:
    """Gamma distributed: never negative, of this mean and standard deviation."""
    if std_db is None:
        return np.full(n, mean_db)
    return rng.gamma((mean_db / std_db) ** 2, std_db**2 / mean_db, n)

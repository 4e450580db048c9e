"""The wavelength of the laser: couplers, phases and rings follow it as it wanders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.devices._check import require_number
from photonzero.devices.drift import FloatArray, later


@dataclass(frozen=True)
class WavelengthDrift:
    """A laser whose wavelength is off the one that the chip was made for, and wanders; dynamic.

    All light of a chip has the same offset d, an Ornstein-Uhlenbeck process about `offset_nm`. To first
    order in d, a coupler's angle grows by ``coupler_rad_per_nm d``; a phase ``2 pi n L / wavelength``
    becomes ``1 - dispersion d / wavelength`` times itself, dispersion being the group index over the
    effective one; and the resonances of rings stay where they are, so that light moves by d from them.

    Attributes:
        std_nm: stationary standard deviation of the offset [nm]. Default 0, a stable laser. One with
            distributed feedback moves by about 0.1 nm/K [coldren2012]: held to 0.1 K it has 0.01.
        correlation_time_s: after which the correlation has fallen to 1/e [s]. Default 1 s, an assumption:
            temperature under a slow controller.
        offset_nm: mean offset [nm]. Default 0.
        coupler_rad_per_nm: angle of a coupler per wavelength [rad/nm]. Default 4.1e-3: a straight 50:50
            coupler of two silicon wires, whose modes differ by an index of 0.02 that grows by 0.1169 a
            micrometre [sax]: (pi / 4) (0.1169 / 0.02 - 1 / 1.55) rad per micrometre.
        dispersion: group index over effective index. Default 1.7, a silicon wire of 500 nm by 220 nm:
            4.2 over 2.45 [chrostowski2015].
        wavelength_nm: that the chip was made for [nm]. Default 1550.
    """

    std_nm: float = 0.0
    correlation_time_s: float = 1.0
    offset_nm: float = 0.0
    coupler_rad_per_nm: float = 4.1e-3
    dispersion: float = 1.7
    wavelength_nm: float = 1550.0

    def __post_init__(self) -> None:
        require_number("wavelength_drift.wavelength_nm", self.wavelength_nm, low=1.0)
        furthest = 0.1 * self.wavelength_nm
        require_number("wavelength_drift.std_nm", self.std_nm, low=0.0, high=furthest)
        require_number("wavelength_drift.correlation_time_s", self.correlation_time_s, low=1e-15)
        require_number("wavelength_drift.offset_nm", self.offset_nm, low=-furthest, high=furthest)
        require_number("wavelength_drift.coupler_rad_per_nm", self.coupler_rad_per_nm)
        require_number("wavelength_drift.dispersion", self.dispersion)

    def describe(self) -> str:
        """What it does, in a few words."""
        return f"wavelength off by {self.offset_nm:g} +-{self.std_nm:g} nm in {self.correlation_time_s:g} s"

    def draw_offset_nm(self, rng: np.random.Generator) -> float:
        """Offset long after the laser was switched on [nm]."""
        return self.offset_nm + self.std_nm * float(rng.standard_normal())

    def step_nm(self, offset_nm: float, elapsed_s: float, rng: np.random.Generator) -> float:
        """Offset `elapsed_s` later.

        Args:
            offset_nm: offset now [nm].
            elapsed_s: time passed, >= 0 [s].
            rng: source of the normal number.

        Raises:
            DeviceError: negative or infinite time.
        """
        wandered = np.array(offset_nm - self.offset_nm)
        return self.offset_nm + float(later(wandered, self.std_nm, self.correlation_time_s, elapsed_s, rng))

    def coupler_error_rad(self, offset_nm: float) -> float:
        """What all angles of couplers grow by [rad]."""
        return self.coupler_rad_per_nm * offset_nm

    def phases_rad(self, phase_rad: FloatArray, offset_nm: float | FloatArray) -> FloatArray:
        """Phases at an offset, any shape that the two make [rad]."""
        return (1.0 - self.dispersion * offset_nm / self.wavelength_nm) * phase_rad

"""The laser that feeds a chip: its power, its intensity noise and what it draws from the wall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.constants import PLANCK_J_S, SPEED_OF_LIGHT_M_PER_S

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Laser:
    """A continuous-wave laser; its intensity noise is dynamic and common to all that it feeds.

    Relative intensity noise (RIN) is a one-sided spectral density of ``dP / P``; white over a
    bandwidth B it makes ``std(P) / P = sqrt(10^(RIN / 10) B)`` [coldren2012, ch. 5].

    Attributes:
        power_w: optical power [W]. Default 10 mW, an assumption.
        rin_db_per_hz: RIN [dB/Hz]. Default -150, an assumption: a distributed-feedback laser well
            above threshold; -164 has been measured on a hybrid laser [wang2018].
        wall_plug_efficiency: optical over electrical power. Default 0.1, an assumption for a
            packaged laser with its cooler.
        wavelength_nm: vacuum wavelength [nm]. Default 1550, the C band.
    """

    power_w: float = 10e-3
    rin_db_per_hz: float = -150.0
    wall_plug_efficiency: float = 0.1
    wavelength_nm: float = 1550.0

    def __post_init__(self) -> None:
        require_number("laser.power_w", self.power_w, low=1e-18)
        require_number("laser.rin_db_per_hz", self.rin_db_per_hz, high=0.0, low=-400.0)
        require_number("laser.wall_plug_efficiency", self.wall_plug_efficiency, low=1e-6, high=1.0)
        require_number("laser.wavelength_nm", self.wavelength_nm, low=1.0)

    @property
    def electrical_power_w(self) -> float:
        """Power drawn from the wall [W]."""
        return self.power_w / self.wall_plug_efficiency

    @property
    def photon_energy_j(self) -> float:
        """``h c / wavelength`` [J]."""
        return PLANCK_J_S * SPEED_OF_LIGHT_M_PER_S / (self.wavelength_nm * 1e-9)

    @property
    def quantum_limited_rin_db_per_hz(self) -> float:
        """RIN of a perfectly stable laser of this power, ``2 h nu / P`` [dB/Hz].

        The photons of coherent light arrive at random; `Photodetector` adds this part as shot
        noise, so `rin_db_per_hz` means what a laser has on top.
        """
        return 10.0 * math.log10(2.0 * self.photon_energy_j / self.power_w)

    def relative_std(self, bandwidth_hz: float) -> float:
        """``std(P) / P`` over a bandwidth, ``sqrt(10^(RIN / 10) B)``.

        Raises:
            DeviceError: a bandwidth that is not a finite number >= 0.
        """
        require_number("bandwidth_hz", bandwidth_hz, low=0.0)
        return math.sqrt(10.0 ** (self.rin_db_per_hz / 10.0) * bandwidth_hz)

    def draw_power_w(
        self, shape: int | tuple[int, ...], bandwidth_hz: float, rng: np.random.Generator
    ) -> FloatArray:
        """Powers at independent readings, of the given shape [W].

        One draw serves all detectors of one inference: the noise is common to all the light of a
        laser. Balanced detection of equal powers cancels it.
        """
        relative = 1.0 + self.relative_std(bandwidth_hz) * rng.standard_normal(shape)
        return self.power_w * relative

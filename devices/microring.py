"""Add-drop microring resonators: a Lorentzian that a heater moves along the wavelength axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Microring:
    """One resonance of an add-drop ring in the Lorentzian approximation.

    With ``L(d) = 1 / (1 + (2 d / fwhm)^2)`` at a detuning ``d`` of light and resonance, the power
    transfer is ``drop = peak_drop L`` and ``through = 1 - (1 - floor_through) L`` [bogaerts2012,
    sec. 2], good while d is small against the free spectral range (distance of the resonances of
    one ring). A heater moves the resonance to the red, never to the blue.

    Attributes:
        fwhm_nm: full width at half maximum [nm]. Default 0.1, an assumption: quality factor 15,500.
        tuning_nm_per_mw: shift of the resonance per heater power [nm/mW]. Default 0.25, an
            assumption for a standard heater; a 5 mW simulated design reaches 4 [dai2008].
        peak_drop: drop transfer on resonance. Default 1, no loss and symmetric couplers.
        floor_through: through transfer on resonance. Default 0, the same.
    """

    fwhm_nm: float = 0.1
    tuning_nm_per_mw: float = 0.25
    peak_drop: float = 1.0
    floor_through: float = 0.0

    def __post_init__(self) -> None:
        require_number("microring.fwhm_nm", self.fwhm_nm, low=1e-9)
        require_number("microring.tuning_nm_per_mw", self.tuning_nm_per_mw, low=1e-9)
        require_number("microring.peak_drop", self.peak_drop, low=0.0, high=1.0)
        require_number("microring.floor_through", self.floor_through, low=0.0, high=1.0)
        if self.peak_drop + self.floor_through > 1.0:
            raise DeviceError(
                f"microring.peak_drop + floor_through: {self.peak_drop + self.floor_through}; "
                "allowed: <= 1, a ring creates no light"
            )

    def quality_factor(self, wavelength_nm: float) -> float:
        """``wavelength / fwhm``, dimensionless."""
        require_number("wavelength_nm", wavelength_nm, low=1e-9)
        return wavelength_nm / self.fwhm_nm

    def lorentzian(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        """``1 / (1 + (2 d / fwhm)^2)`` of a detuning, any shape [nm]; 1 on resonance."""
        return 1.0 / (1.0 + (2.0 * np.asarray(detuning_nm, dtype=np.float64) / self.fwhm_nm) ** 2)

    def drop(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        """Fraction of the power sent to the drop port, shape of `detuning_nm` [nm]."""
        return self.peak_drop * self.lorentzian(detuning_nm)

    def through(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        """Fraction of the power that stays on the bus, shape of `detuning_nm` [nm]."""
        return 1.0 - (1.0 - self.floor_through) * self.lorentzian(detuning_nm)

    def detuning_nm(self, lorentzian: npt.ArrayLike) -> FloatArray:
        """Detuning >= 0 at which `lorentzian` takes a value; its inverse on the red side [nm].

        Args:
            lorentzian: any shape, in (0, 1].

        Returns:
            Same shape.

        Raises:
            DeviceError: a value outside (0, 1].
        """
        value = np.asarray(lorentzian, dtype=np.float64)
        bad = ~((value > 0.0) & (value <= 1.0))
        if bad.any():
            raise DeviceError(f"lorentzian: {value[bad][0]}; allowed: > 0 and <= 1")
        return 0.5 * self.fwhm_nm * np.sqrt(1.0 / value - 1.0)

    def heater_power_w(self, shift_nm: npt.ArrayLike) -> FloatArray:
        """Heater power for a red shift of the resonance [W].

        Args:
            shift_nm: any shape, >= 0 [nm].

        Returns:
            Same shape.

        Raises:
            DeviceError: a blue shift: a heater only heats.
        """
        shift = np.asarray(shift_nm, dtype=np.float64)
        bad = ~(shift >= 0.0)
        if bad.any():
            raise DeviceError(f"shift_nm: {shift[bad][0]}; allowed: >= 0, a heater only heats")
        return 1e-3 * shift / self.tuning_nm_per_mw

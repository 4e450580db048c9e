"""From the laser to a number: the light behind every reading, in physical units."""

from __future__ import annotations

from dataclasses import dataclass, field

from photonzero.devices._check import require_number
from photonzero.devices.constants import ELEMENTARY_CHARGE_C
from photonzero.devices.laser import Laser
from photonzero.devices.loss import LARGEST_DB, power_transmission
from photonzero.devices.photodetector import Photodetector


@dataclass(frozen=True)
class OpticalReadout:
    """Coherent readout of a layer: its light, its reference light and its detectors; dynamic.

    A laser feeds all inputs of a layer, so an input of 1 carries the power ``P = T laser / n`` and the
    field ``sqrt(P)``. The output field ``y sqrt(P)`` meets a local oscillator of power ``P_lo`` on a
    balanced pair (`Photodetector.homodyne_a`), whose current ``2 R sqrt(P_lo P) y`` has the variance
    ``2 q B (R (P_lo + y^2 P) + 2 I_dark) + 4 k T B / R_load``. In units of y that is
    ``additive_variance + proportional_variance y^2``. Oscillator and signal come from one laser, so
    its intensity noise scales all readings of an inference by the same ``1 + dP / P``.

    Attributes:
        laser: its power is that of all inputs of a layer together.
        detector: one pair at each output.
        local_oscillator_w: reference light at one pair [W]. Default 0.1 mW, shot noise above thermal
            (`HardwareFigures.local_oscillator_w`).
        link_loss_db: between laser and mesh: coupler, modulators, routing [dB]. Default 3.7, the sum of
            the three in `HardwareFigures`.
    """

    laser: Laser = field(default_factory=Laser)
    detector: Photodetector = field(default_factory=Photodetector)
    local_oscillator_w: float = 1e-4
    link_loss_db: float = 3.7

    def __post_init__(self) -> None:
        require_number("optical_readout.local_oscillator_w", self.local_oscillator_w, low=1e-18)
        require_number("optical_readout.link_loss_db", self.link_loss_db, low=0.0, high=LARGEST_DB)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"{self.laser.power_w:g} W of laser"

    def mode_power_w(self, n_inputs: int) -> float:
        """Power of one input of size 1 among n, where it enters the mesh [W]."""
        return self.laser.power_w * float(power_transmission(self.link_loss_db)) / n_inputs

    def additive_variance(self, n_inputs: int) -> float:
        """Variance of a reading in the dark, in squares of the output that an input of 1 would make."""
        detector = self.detector
        oscillator_a = detector.responsivity_a_per_w * self.local_oscillator_w
        # Each detector of the pair takes half of the reference light.
        shot_a2 = 2.0 * float(detector.shot_variance_a2(0.5 * self.local_oscillator_w))
        signal_a2 = 4.0 * detector.responsivity_a_per_w * oscillator_a * self.mode_power_w(n_inputs)
        return (shot_a2 + detector.thermal_variance_a2) / signal_a2

    @property
    def proportional_variance(self) -> float:
        """Variance that the signal's own shot noise adds, by the square of the reading: q B / (2 R P_lo)."""
        oscillator_a = self.detector.responsivity_a_per_w * self.local_oscillator_w
        return 0.5 * ELEMENTARY_CHARGE_C * self.detector.bandwidth_hz / oscillator_a

    @property
    def intensity_std(self) -> float:
        """Standard deviation of ``dP / P``, common to all readings of an inference."""
        return self.laser.relative_std(self.detector.bandwidth_hz)

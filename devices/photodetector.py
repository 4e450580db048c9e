"""Photodetectors: from optical power to a noisy photocurrent, single and balanced."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.constants import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]


def _require_power(name: str, power_w: npt.ArrayLike) -> FloatArray:
    power = np.asarray(power_w, dtype=np.float64)
    bad = ~(power >= 0.0)
    if bad.any():
        raise DeviceError(f"{name}: {power[bad][0]} W; allowed: >= 0")
    return power


@dataclass(frozen=True)
class Photodetector:
    """A photodiode and its load; dynamic noise, fresh at every reading.

    Photocurrent ``I = R P``. Shot noise ``2 q (I + I_dark) B``, thermal (Johnson) noise
    ``4 k T B / R_load`` [saleh2019, ch. 19], both Gaussian: good while many electrons arrive in a
    reading, ``I / (2 q B) >> 1``. The dark current adds noise; its mean is subtracted, as any
    calibrated readout does. A reading integrated for a time t has a bandwidth ``B = 1 / (2 t)``.

    Attributes:
        responsivity_a_per_w: R, photocurrent per optical power [A/W]. Default 0.95, a measured
            germanium photodiode at 1550 nm [shi2024].
        dark_current_a: I_dark [A]. Default 1.3 nA, the same device [shi2024].
        load_ohm: R_load, the resistance that makes the thermal noise; for a transimpedance
            amplifier its feedback resistor [ohm]. Default 1000, an assumption.
        temperature_k: T of the load [K]. Default 300, room temperature.
        bandwidth_hz: B, electrical noise bandwidth [Hz]. Default 0.5 GHz: readings of 1 ns.
    """

    responsivity_a_per_w: float = 0.95
    dark_current_a: float = 1.3e-9
    load_ohm: float = 1000.0
    temperature_k: float = 300.0
    bandwidth_hz: float = 0.5e9

    def __post_init__(self) -> None:
        require_number("photodetector.responsivity_a_per_w", self.responsivity_a_per_w, low=1e-6)
        require_number("photodetector.dark_current_a", self.dark_current_a, low=0.0)
        require_number("photodetector.load_ohm", self.load_ohm, low=1e-6)
        require_number("photodetector.temperature_k", self.temperature_k, low=0.0)
        require_number("photodetector.bandwidth_hz", self.bandwidth_hz, low=1e-6)

    @property
    def thermal_variance_a2(self) -> float:
        """Variance of the thermal noise current, ``4 k T B / R_load`` [A^2]."""
        return 4.0 * BOLTZMANN_J_PER_K * self.temperature_k * self.bandwidth_hz / self.load_ohm

    def photocurrent_a(self, power_w: npt.ArrayLike) -> FloatArray:
        """Mean photocurrent without the dark current, ``R P`` [A].

        Args:
            power_w: optical power, any shape, >= 0 [W].

        Returns:
            Same shape.

        Raises:
            DeviceError: negative power or NaN.
        """
        return self.responsivity_a_per_w * _require_power("power_w", power_w)

    def shot_variance_a2(self, power_w: npt.ArrayLike) -> FloatArray:
        """Variance of the shot noise, ``2 q (R P + I_dark) B`` [A^2], shape of `power_w`."""
        current_a = self.photocurrent_a(power_w) + self.dark_current_a
        return 2.0 * ELEMENTARY_CHARGE_C * current_a * self.bandwidth_hz

    def noise_std_a(self, power_w: npt.ArrayLike) -> FloatArray:
        """Standard deviation of a reading, shot and thermal together [A], shape of `power_w`."""
        return np.sqrt(self.shot_variance_a2(power_w) + self.thermal_variance_a2)

    def signal_to_noise(self, power_w: npt.ArrayLike) -> FloatArray:
        """Mean over standard deviation of a reading; ``sqrt(I / (2 q B))`` where shot noise rules.

        An amplitude ratio: the electrical power ratio is its square.
        """
        return self.photocurrent_a(power_w) / self.noise_std_a(power_w)

    def power_for_signal_to_noise_w(self, signal_to_noise: float) -> float:
        """Optical power at which `signal_to_noise` reaches a value; its inverse [W].

        ``I^2 = S^2 (2 q (I + I_dark) B + 4 k T B / R_load)`` is a quadratic in I.

        Raises:
            DeviceError: a ratio that is not a finite number >= 0.
        """
        require_number("signal_to_noise", signal_to_noise, low=0.0)
        shot_a = 2.0 * ELEMENTARY_CHARGE_C * self.bandwidth_hz
        half_b_a = 0.5 * signal_to_noise**2 * shot_a
        c_a2 = signal_to_noise**2 * (shot_a * self.dark_current_a + self.thermal_variance_a2)
        return (half_b_a + math.sqrt(half_b_a**2 + c_a2)) / self.responsivity_a_per_w

    def homodyne_power_w(self, signal_to_noise: float, local_oscillator_w: float) -> float:
        """Signal power at which `homodyne_a` of a real field has a given mean over deviation [W].

        ``(2 R)^2 P_lo P = S^2 (2 q B (R (P_lo + P) + 2 I_dark) + 4 k T B / R_load)``, linear in P.
        With a strong oscillator thermal noise no longer counts: ``P = S^2 q B / (2 R)``.

        Raises:
            DeviceError: a ratio that is not a finite number >= 0, or an oscillator too weak for it
                at any signal power.
        """
        require_number("signal_to_noise", signal_to_noise, low=0.0)
        require_number("local_oscillator_w", local_oscillator_w, low=1e-18)
        squared = signal_to_noise**2
        shot_a = 2.0 * ELEMENTARY_CHARGE_C * self.bandwidth_hz
        oscillator_a = self.responsivity_a_per_w * local_oscillator_w
        gain_a = 4.0 * oscillator_a - squared * shot_a
        if gain_a <= 0.0:
            raise DeviceError(
                f"local_oscillator_w: {local_oscillator_w}; allowed for a signal-to-noise of "
                f"{signal_to_noise:g}: > {0.25 * squared * shot_a / self.responsivity_a_per_w:.3g}"
            )
        noise_a2 = shot_a * (oscillator_a + 2.0 * self.dark_current_a) + self.thermal_variance_a2
        return squared * noise_a2 / (gain_a * self.responsivity_a_per_w)

    def detect_a(self, power_w: npt.ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Noisy readings of one detector [A].

        Args:
            power_w: optical power, any shape, >= 0 [W].
            rng: source of the normal numbers.

        Returns:
            Same shape; may be negative in the dark, where noise exceeds the signal.
        """
        current_a = self.photocurrent_a(power_w)
        return current_a + self.noise_std_a(power_w) * rng.standard_normal(current_a.shape)

    def balanced_a(
        self, plus_w: npt.ArrayLike, minus_w: npt.ArrayLike, rng: np.random.Generator
    ) -> FloatArray:
        """Difference of two detectors: how light, which is never negative, carries a sign [A].

        The means subtract, the shot noises add, and the pair drives one load, so the thermal noise
        enters once.

        Args:
            plus_w: power on the detector that counts up, any shape, >= 0 [W].
            minus_w: power on the one that counts down, same shape [W].
            rng: source of the normal numbers.

        Returns:
            Same shape.
        """
        mean_a = self.photocurrent_a(plus_w) - self.photocurrent_a(minus_w)
        variance_a2 = self.shot_variance_a2(plus_w) + self.shot_variance_a2(minus_w)
        std_a = np.sqrt(variance_a2 + self.thermal_variance_a2)
        return mean_a + std_a * rng.standard_normal(mean_a.shape)

    def homodyne_a(
        self, field_sqrt_w: npt.ArrayLike, local_oscillator_w: float, rng: np.random.Generator
    ) -> FloatArray:
        """Real part of a field, by mixing it with a local oscillator on a balanced pair [A].

        A 50:50 coupler makes ``|a +- l|^2 / 2``; the difference is ``2 R l Re(a)``, linear in the
        field, so the sign of an optical amplitude is measured [saleh2019, ch. 25].

        Args:
            field_sqrt_w: field amplitude a in units where ``|a|^2`` is power, any shape, complex or
                real [sqrt(W)].
            local_oscillator_w: power ``l^2``, in phase with the real axis of the field [W].
            rng: source of the normal numbers.

        Returns:
            Same shape; divide by ``2 R sqrt(local_oscillator_w)`` for the amplitude.

        Raises:
            DeviceError: a local oscillator without power.
        """
        require_number("local_oscillator_w", local_oscillator_w, low=1e-18)
        field = np.asarray(field_sqrt_w)
        oscillator = math.sqrt(local_oscillator_w)
        plus_w = 0.5 * np.abs(field + oscillator) ** 2
        minus_w = 0.5 * np.abs(field - oscillator) ** 2
        return self.balanced_a(plus_w, minus_w, rng)

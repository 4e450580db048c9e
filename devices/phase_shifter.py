"""Thermo-optic phase shifters: what phase a programmed phase becomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhaseShifter:
    """A heater whose phase grows with power: ``phase = gamma V^2``, ``gamma = pi / v_pi^2``.

    Fabrication changes two things, once per chip and unknown to training: gamma, so that every
    programmed phase is scaled by ``gamma' / gamma``, and a phase bias from unequal path lengths.

    Attributes:
        v_pi_v: voltage for a phase of pi [V]. Default 4.36 V, Zhao et al. 2023 [zhao2023tonn].
        gamma_std_rad_per_v2: standard deviation of gamma' - gamma [rad / V^2], normal truncated at
            two standard deviations. Published: 0.002 [zhao2023tonn].
        bias_max_rad: the phase bias is uniform in [-bias_max_rad, bias_max_rad] [rad].
            Published: 1 [zhao2023tonn].
    """

    v_pi_v: float = 4.36
    gamma_std_rad_per_v2: float = 0.0
    bias_max_rad: float = 0.0

    def __post_init__(self) -> None:
        require_number("phase_shifter.v_pi_v", self.v_pi_v, low=1e-6)
        require_number("phase_shifter.gamma_std_rad_per_v2", self.gamma_std_rad_per_v2, low=0.0)
        require_number("phase_shifter.bias_max_rad", self.bias_max_rad, low=0.0, high=np.pi)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        gamma = f"gamma +-{self.gamma_std_rad_per_v2:g} rad/V^2" if self.gamma_std_rad_per_v2 > 0 else ""
        bias = f"bias +-{self.bias_max_rad:.3g} rad" if self.bias_max_rad > 0 else ""
        return ", ".join(filter(None, (gamma, bias)))

    @property
    def gamma_rad_per_v2(self) -> float:
        """Nominal phase per squared voltage [rad / V^2]."""
        return np.pi / self.v_pi_v**2

    def draw_gamma_ratio(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Gamma' / gamma of n fabricated shifters, (n,), dimensionless."""
        z = rng.standard_normal(n)
        # Truncation by redrawing: a normal conditioned on |z| <= 2, as the published model has it.
        while (outside := np.abs(z) > 2.0).any():
            z[outside] = rng.standard_normal(int(outside.sum()))
        return 1.0 + self.gamma_std_rad_per_v2 / self.gamma_rad_per_v2 * z

    def draw_bias_rad(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Phase bias of n fabricated shifters, (n,) [rad]."""
        return rng.uniform(-1.0, 1.0, n) * self.bias_max_rad

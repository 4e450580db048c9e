"""All imperfections of a chip in one frozen record, and the named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from devices._check import require_number
from devices.crosstalk import ThermalCrosstalk
from devices.errors import DeviceError
from devices.phase_shifter import PhaseShifter
from devices.quantizer import PhaseQuantizer, VoltageQuantizer
from devices.readout_noise import ReadoutNoise


@dataclass(frozen=True)
class NoiseModel:
    """Static, deterministic and dynamic imperfections; the default is an ideal chip.

    Order for every programmed phase: modulo 2 pi, quantization, gamma error, thermal crosstalk,
    bias, jitter [zhao2023tonn].

    Attributes:
        phase_quantizer: deterministic, uniform phase grid; None programs any phase.
        voltage_quantizer: deterministic, uniform voltage grid, instead of the phase grid.
        phase_shifter: static, drawn once per fabricated chip.
        thermal_crosstalk: deterministic.
        readout_noise: dynamic, fresh at every inference.
        phase_jitter_rad: dynamic, standard deviation of a normal error of every phase, fresh at every
            programming [rad].
        ideal_singular_values: leave the phases of the singular values free of every phase error, as
            the published code does by omission.
    """

    phase_quantizer: PhaseQuantizer | None = None
    voltage_quantizer: VoltageQuantizer | None = None
    phase_shifter: PhaseShifter = field(default_factory=PhaseShifter)
    thermal_crosstalk: ThermalCrosstalk = field(default_factory=ThermalCrosstalk)
    readout_noise: ReadoutNoise = field(default_factory=ReadoutNoise)
    phase_jitter_rad: float = 0.0
    ideal_singular_values: bool = False

    def __post_init__(self) -> None:
        if self.phase_quantizer is not None and self.voltage_quantizer is not None:
            raise DeviceError("noise model: both phase_quantizer and voltage_quantizer; allowed: at most one")
        require_number("noise model phase_jitter_rad", self.phase_jitter_rad, low=0.0)

    @property
    def quantizer(self) -> PhaseQuantizer | VoltageQuantizer | None:
        """The DAC grid in force, or None."""
        return self.phase_quantizer or self.voltage_quantizer


_PUBLISHED = NoiseModel(
    phase_quantizer=PhaseQuantizer(bits=8),
    phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.002, bias_max_rad=1.0),
    thermal_crosstalk=ThermalCrosstalk(coupling=0.005),
)

PRESETS: Mapping[str, NoiseModel] = MappingProxyType(
    {
        # Nothing but the mathematics of the mesh.
        "ideal": NoiseModel(),
        # The constants of Zhao et al. 2023 [zhao2023tonn], on every phase of the chip.
        "published": _PUBLISHED,
        # The same, with the singular-value phases left ideal as in the published code.
        "published-ideal-sigma": NoiseModel(
            phase_quantizer=_PUBLISHED.phase_quantizer,
            phase_shifter=_PUBLISHED.phase_shifter,
            thermal_crosstalk=_PUBLISHED.thermal_crosstalk,
            ideal_singular_values=True,
        ),
        # The same with detectors that err by 0.1 percent of their range at every inference.
        "published-detector": NoiseModel(
            phase_quantizer=_PUBLISHED.phase_quantizer,
            phase_shifter=_PUBLISHED.phase_shifter,
            thermal_crosstalk=_PUBLISHED.thermal_crosstalk,
            readout_noise=ReadoutNoise(std_of_full_scale=0.001),
        ),
        # An uncalibrated chip: bias over the full circle, 6-bit DACs, stronger crosstalk, and noise
        # while it runs. No paper's constants: meant to be worse than any of them.
        "harsh": NoiseModel(
            phase_quantizer=PhaseQuantizer(bits=6),
            phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.004, bias_max_rad=float(np.pi)),
            thermal_crosstalk=ThermalCrosstalk(coupling=0.01),
            readout_noise=ReadoutNoise(std_of_full_scale=0.001),
        ),
    }
)


def preset(name: str) -> NoiseModel:
    """The noise model of that name.

    Raises:
        DeviceError: no such preset; lists the allowed names.
    """
    if name not in PRESETS:
        raise DeviceError(f"noise: {name!r}; allowed: {', '.join(PRESETS)}, or a TOML file")
    return PRESETS[name]

"""All imperfections of a chip in one frozen record, and the named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from photonzero.devices._check import require_number
from photonzero.devices.converter import Adc, InputDac
from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.crosstalk import MeasuredCrosstalk, ThermalCrosstalk
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.errors import DeviceError
from photonzero.devices.group_errors import checked_groups
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.laser import Laser
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_part import describe_part, resolved_parts
from photonzero.devices.optical_readout import OpticalReadout
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.photodetector import Photodetector
from photonzero.devices.quantizer import PhaseQuantizer, VoltageQuantizer
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.devices.timing import Timing
from photonzero.devices.wavelength import WavelengthDrift


@dataclass(frozen=True)
class NoiseModel:
    """Static, deterministic and dynamic imperfections; the default is an ideal chip.

    Order for every programmed phase: modulo 2 pi, quantization, stuck shifters, gamma error, thermal
    crosstalk, bias [zhao2023tonn], errors by group, parts of one's own, then what changes in time:
    programming error, drift, jitter.

    Attributes:
        phase_quantizer: deterministic, uniform phase grid; None programs any phase.
        voltage_quantizer: deterministic, uniform voltage grid, instead of the phase grid.
        phase_shifter: static, drawn once per fabricated chip.
        stuck_shifters: static; those heat their neighbours by the phase they hold.
        thermal_crosstalk: deterministic, by a rule.
        measured_crosstalk: deterministic, a foundry's matrix instead of the rule; None has the rule.
        coupler_imbalance: static, two couplers in every MZI.
        insertion_loss: static; the receivers' gain makes up for the nominal loss of a path.
        programming_std_rad: dynamic, standard deviation of a normal error of every phase, fresh at every
            programming [rad].
        phase_drift: dynamic, goes on from one programming to the next.
        wavelength_drift: dynamic, moves couplers, phases and rings; goes on as drift does. None has the
            wavelength that the chip was made for.
        phase_jitter: dynamic, fresh while inputs are presented.
        timing: the clock of both drifts.
        input_dac: deterministic, on the inputs of every layer; None presents any number. An input of the
            chip beyond its range is an error, a hidden layer's saturates.
        readout_noise: dynamic, fresh at every inference, a fraction of the detectors' range.
        optical_readout: dynamic; the same from laser power, bandwidth and detectors.
        adc: deterministic, reads every detector; its range in units of the layer's `full_scale`.
        ideal_singular_values: leave the phases of the singular values free of every phase error, as
            the published code does by omission.
        group_std_rad: static, standard deviations of further normal phase errors by group [rad], such as
            ``{"*/theta": 0.01, "layer1/*": 0.02}``. Groups of a chip are those of its controls, such as
            "layer1/core0/U"; of a mesh "layer3/theta", "layer3/phi", "layer3/edge" and "out". None has none.
        own_parts: phase errors of one's own, such as ``{"my.py:Ripple": {"std_rad": 0.01}}``, by what
            `photonzero.devices.noise_part` says; None has none.
    """

    phase_quantizer: PhaseQuantizer | None = None
    voltage_quantizer: VoltageQuantizer | None = None
    phase_shifter: PhaseShifter = field(default_factory=PhaseShifter)
    stuck_shifters: StuckShifters = field(default_factory=StuckShifters)
    thermal_crosstalk: ThermalCrosstalk = field(default_factory=ThermalCrosstalk)
    measured_crosstalk: MeasuredCrosstalk | None = None
    coupler_imbalance: CouplerImbalance = field(default_factory=CouplerImbalance)
    insertion_loss: InsertionLoss = field(default_factory=InsertionLoss)
    programming_std_rad: float = 0.0
    phase_drift: PhaseDrift = field(default_factory=PhaseDrift)
    wavelength_drift: WavelengthDrift | None = None
    phase_jitter: PhaseJitter = field(default_factory=PhaseJitter)
    timing: Timing = field(default_factory=Timing)
    input_dac: InputDac | None = None
    readout_noise: ReadoutNoise = field(default_factory=ReadoutNoise)
    optical_readout: OpticalReadout | None = None
    adc: Adc | None = None
    ideal_singular_values: bool = False
    group_std_rad: Mapping[str, float] | None = field(default=None, hash=False)
    own_parts: Mapping[str, Mapping[str, Any]] | None = field(default=None, hash=False)

    def __repr__(self) -> str:
        # What is ideal goes without saying.
        ideal = NoiseModel()
        said = {item.name: getattr(self, item.name) for item in fields(self)}
        parts = (f"{name}={part!r}" for name, part in said.items() if part != getattr(ideal, name))
        return f"NoiseModel({', '.join(parts)})"

    def __post_init__(self) -> None:
        if self.phase_quantizer is not None and self.voltage_quantizer is not None:
            raise DeviceError("noise model: both phase_quantizer and voltage_quantizer; allowed: at most one")
        if self.measured_crosstalk is not None and self.thermal_crosstalk.coupling > 0:
            raise DeviceError(
                "noise model: both thermal_crosstalk and measured_crosstalk; allowed: at most one"
            )
        if self.optical_readout is not None and self.readout_noise.std_of_full_scale > 0:
            raise DeviceError("noise model: both optical_readout and readout_noise; allowed: at most one")
        require_number("noise model programming_std_rad", self.programming_std_rad, low=0.0)
        object.__setattr__(self, "group_std_rad", checked_groups(self.group_std_rad))
        object.__setattr__(self, "own_parts", resolved_parts(self.own_parts))

    @property
    def quantizer(self) -> PhaseQuantizer | VoltageQuantizer | None:
        """The DAC grid in force, or None."""
        return self.phase_quantizer or self.voltage_quantizer

    @property
    def phases_are_ideal(self) -> bool:
        """Whether light meets every programmed phase exactly, whatever happens to it elsewhere."""
        elsewhere = (
            "coupler_imbalance", "insertion_loss", "timing", "input_dac", "readout_noise",
            "optical_readout", "adc", "ideal_singular_values",
        )  # fmt: skip
        ideal = NoiseModel()
        return (
            not self.own_parts
            and replace(self, **{name: getattr(ideal, name) for name in elsewhere}) == ideal
        )

    def describe(self) -> str:
        """What is imperfect, in a few words for each part."""
        parts = [getattr(self, item.name) for item in fields(self)]
        texts = [part.describe() for part in parts if hasattr(part, "describe")]
        if self.programming_std_rad > 0:
            texts.append(f"programming error +-{self.programming_std_rad:g} rad")
        texts += [f"{pattern} +-{std:g} rad" for pattern, std in (self.group_std_rad or {}).items()]
        texts += [describe_part(*part) for part in (self.own_parts or {}).items()]
        if self.ideal_singular_values:
            texts.append("singular values ideal")
        return ", ".join(filter(None, texts)) or "no imperfection"


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
        "published-ideal-sigma": replace(
            _PUBLISHED,
            ideal_singular_values=True,
        ),
        # The same with detectors that err by 0.1 percent of their range at every inference.
        "published-detector": replace(
            _PUBLISHED,
            readout_noise=ReadoutNoise(std_of_full_scale=0.001),
        ),
        # The published phase errors, and around them the light of the hardware figures: couplers one
        # percent off, lossy cells, 100 mW of laser, readings of 20 ns, and 8-bit converters.
        "physical": replace(
            _PUBLISHED,
            coupler_imbalance=CouplerImbalance(angle_std_rad=0.01),
            insertion_loss=InsertionLoss(cell_db=0.1),
            optical_readout=OpticalReadout(
                laser=Laser(power_w=0.1), detector=Photodetector(bandwidth_hz=25e6)
            ),
            adc=Adc(bits=8, full_scale=4.0),
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

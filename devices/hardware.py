"""Every constant behind a hardware cost, in one table with units and sources."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from photonzero.devices._check import require_integer, require_number
from photonzero.devices.photodetector import Photodetector

_ASSUMED = "assumption"


def _figure(value: float, unit: str, source: str, meaning: str) -> Any:
    return field(default=value, metadata={"unit": unit, "source": source, "meaning": meaning})


class FigureRow(NamedTuple):
    """One row of the table of constants."""

    name: str
    value: float
    unit: str
    source: str
    meaning: str


@dataclass(frozen=True)
class HardwareFigures:
    """Sizes, losses, powers, energies and times of the parts of a chip and its electronics.

    The defaults describe a III-V-on-silicon chip whose phase shifters are charged capacitors
    (MOSCAP), the platform of the published tensorized chip [xiao2021]; `THERMO_OPTIC` is the same
    chip with measured silicon heaters. Sources are keys of docs/reference/bibliography.md; a figure that no
    source we could read gives is marked "assumption" with its reason.
    """

    mzi_length_um: float = _figure(
        260.0, "um", "zhu2024 (an MZI modulator; taken for a mesh cell too)", "length of one MZI"
    )
    mzi_width_um: float = _figure(
        20.0, "um", "zhu2024 (an MZI modulator; taken for a mesh cell too)", "width of one MZI"
    )
    detector_area_mm2: float = _figure(
        0.001, "mm^2", f"{_ASSUMED}: photodiode pair with its pads", "area of one balanced detector"
    )
    cell_loss_db: float = _figure(
        0.1, "dB", f"{_ASSUMED}: two couplers of 0.05 dB", "loss of an MZI without its shifters"
    )
    phase_shifter_loss_db: float = _figure(
        0.23, "dB", "harris2014 (a heater; assumed for MOSCAP too)", "loss of one phase shifter"
    )
    modulator_loss_db: float = _figure(1.2, "dB", "zhu2024", "loss of an input modulator")
    coupling_loss_db: float = _figure(
        1.5, "dB", f"{_ASSUMED}: a good edge coupler", "laser to chip, once per path"
    )
    cross_connect_loss_db: float = _figure(
        1.0, "dB", f"{_ASSUMED}: passive routing of wavelengths and copies", "between two cores"
    )
    group_index: float = _figure(
        4.2, "1", "saleh2019 (typical of a silicon wire)", "slowness of light in the waveguides"
    )
    max_waveguide_power_w: float = _figure(
        0.1, "W", f"{_ASSUMED}: above it silicon absorbs two photons", "launch limit per waveguide"
    )
    phase_static_power_w: float = _figure(
        1e-6, "W", f"{_ASSUMED}: leakage of a capacitor", "mean power that holds one phase"
    )
    phase_switch_energy_j: float = _figure(
        1e-12,
        "J",
        f"{_ASSUMED}: C V^2 of about 1 pF at 1 V",
        "to change one phase, without its DAC",
    )
    phase_settling_s: float = _figure(
        1e-9, "s", f"{_ASSUMED}: a GHz-class capacitor", "until a new phase is settled"
    )
    bits: int = _figure(8, "bit", "zhao2023tonn", "of every converter; sets the light needed")
    symbol_rate_hz: float = _figure(
        1e9, "1/s", f"{_ASSUMED}: a tenth of what the converters can do", "input vectors a second"
    )
    dac_energy_j: float = _figure(
        50e-3 / 14e9, "J", "zhu2024 (50 mW at 14 GS/s, 8 bits)", "one digital-to-analog conversion"
    )
    adc_energy_j: float = _figure(
        14.8e-3 / 10e9,
        "J",
        "zhu2024 (14.8 mW at 10 GS/s, 8 bits)",
        "one analog-to-digital conversion",
    )
    modulator_energy_j: float = _figure(450e-15, "J", "zhu2024", "one symbol of an MZI modulator")
    receiver_power_w: float = _figure(
        2e-3, "W", f"{_ASSUMED}: transimpedance amplifier at 1 GS/s", "one balanced receiver"
    )
    converter_latency_s: float = _figure(
        20e-9, "s", f"{_ASSUMED}: pipelines of a DAC and an ADC", "in and out, once per conversion"
    )
    digital_energy_j: float = _figure(
        1e-12, "J", f"{_ASSUMED}: bias, nonlinearity and buffer on chip", "one output number"
    )
    digital_latency_s: float = _figure(
        10e-9, "s", f"{_ASSUMED}: ten cycles at 1 GHz", "bias and nonlinearity, once per conversion"
    )
    local_oscillator_w: float = _figure(
        1e-4, "W", f"{_ASSUMED}: shot noise above thermal", "reference light at one receiver"
    )
    wall_plug_efficiency: float = _figure(
        0.1, "1", f"{_ASSUMED}: a packaged laser with its cooler", "optical over electrical power"
    )
    responsivity_a_per_w: float = _figure(0.95, "A/W", "shi2024", "of the photodiodes")
    dark_current_a: float = _figure(1.3e-9, "A", "shi2024", "of the photodiodes")
    load_ohm: float = _figure(
        1000.0, "ohm", f"{_ASSUMED}: transimpedance at 1 GS/s", "sets the thermal noise"
    )
    temperature_k: float = _figure(300.0, "K", f"{_ASSUMED}: room temperature", "of the load")

    def __post_init__(self) -> None:
        require_integer("hardware.bits", self.bits, low=1, high=24)
        must_be_positive = {
            "group_index",
            "symbol_rate_hz",
            "wall_plug_efficiency",
            "responsivity_a_per_w",
            "load_ohm",
            "local_oscillator_w",
        }
        for row in fields(self):
            low = 1e-30 if row.name in must_be_positive else 0.0
            high = 1.0 if row.name == "wall_plug_efficiency" else math.inf
            require_number(f"hardware.{row.name}", getattr(self, row.name), low=low, high=high)

    @property
    def mzi_area_mm2(self) -> float:
        """Area of one MZI [mm^2]."""
        return self.mzi_length_um * self.mzi_width_um * 1e-6

    @property
    def photodetector(self) -> Photodetector:
        """The detector of these figures, reading for one symbol: bandwidth = symbol rate / 2."""
        return Photodetector(
            responsivity_a_per_w=self.responsivity_a_per_w,
            dark_current_a=self.dark_current_a,
            load_ohm=self.load_ohm,
            temperature_k=self.temperature_k,
            bandwidth_hz=0.5 * self.symbol_rate_hz,
        )

    @property
    def detector_power_w(self) -> float:
        """Signal light per output at which full scale is ``2^bits`` noise deviations [W].

        Outputs are signed fields, so the receivers are homodyne.
        """
        return self.photodetector.homodyne_power_w(2.0**self.bits, self.local_oscillator_w)

    def table(self) -> tuple[FigureRow, ...]:
        """All constants with value, unit, source and meaning, in the order of the fields."""
        return tuple(
            FigureRow(
                row.name,
                getattr(self, row.name),
                row.metadata["unit"],
                row.metadata["source"],
                row.metadata["meaning"],
            )
            for row in fields(self)
        )


# A heater [harris2014]: phases spread evenly over a turn average pi, 24.77 mW; the response is
# first order with 130 kHz: to half a step of 8 bits it takes ln(2^9) time constants of 1.22 us.
THERMO_OPTIC = HardwareFigures(
    phase_static_power_w=24.77e-3,
    phase_switch_energy_j=0.0,
    phase_settling_s=math.log(2.0**9) / (2.0 * math.pi * 130e3),
)

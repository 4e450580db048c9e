"""From an architecture and a table of constants to devices, light, power, time and energy.

The chain of one conversion: DACs and modulators write a vector on light, the meshes of one core (or
of a whole optical cascade) transform it, balanced receivers and ADCs read it, electronics add
biases and apply the nonlinearity. Light between two conversions is one `_Segment`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from photonzero.devices.constants import SPEED_OF_LIGHT_M_PER_S
from photonzero.devices.hardware import HardwareFigures
from photonzero.photonics.cost.architecture import ArchitectureSpec, CoreParts, LayerParts
from photonzero.photonics.errors import PhotonicsError

# Beyond 3,000 dB a power in watts leaves the range of floating point: say infinity.
_LARGEST_LOSS_DB = 3000.0


@dataclass(frozen=True)
class HardwareCost:
    """What a chip takes and gives.

    Attributes:
        name: of the architecture.
        n_mzi: MZIs of the meshes (the published count leaves out attenuators and modulators).
        n_attenuators: cells that set singular values.
        n_phase_shifters: of meshes and attenuators.
        n_modulators: input modulators, each with a DAC.
        n_detectors: balanced receivers, each with an ADC.
        n_stages: cascaded MZIs on the longest path from a modulator to a detector.
        footprint_mm2: photonic chip: meshes, attenuators, modulators, detectors; no routing, no
            electronics [mm^2].
        insertion_loss_db: laser to detector on the lossiest path [dB].
        optical_power_w: all lasers: signal light for a full scale of 2^bits noise deviations at
            every detector, and reference light [W].
        waveguide_power_w: launched into one input waveguide, where that is most [W].
        is_feasible: whether that is no more than the launch limit. Powers and
            energies of an infeasible chip are what the formulas say and nothing that can be built.
        static_power_w: drawn whether or not the chip computes: lasers, receivers, held phases [W].
        electrical_power_w: drawn at full rate [W].
        power_by_part_w: the same, by consumer [W].
        latency_s: from inputs to outputs of one inference [s].
        inferences_per_s: at full rate, conversions pipelined.
        energy_per_inference_j: electrical power over rate [J].
        programming_time_s: to load new phases into the chip [s]; 0 if time multiplexed, where every
            inference already includes it.
        programming_energy_j: the same [J].
    """

    name: str
    n_mzi: int
    n_attenuators: int
    n_phase_shifters: int
    n_modulators: int
    n_detectors: int
    n_stages: int
    footprint_mm2: float
    insertion_loss_db: float
    optical_power_w: float
    waveguide_power_w: float
    is_feasible: bool
    static_power_w: float
    electrical_power_w: float
    power_by_part_w: Mapping[str, float] = field(hash=False)
    latency_s: float
    inferences_per_s: float
    energy_per_inference_j: float
    programming_time_s: float
    programming_energy_j: float

    def training_run(self, inferences: int, settings: int = 1) -> tuple[float, float]:
        """Time and energy of a whole training run on the chip.

        Args:
            inferences: optical inferences in all, settings x input vectors.
            settings: how often the controls were changed; each time the phases settle and the
                pipeline runs empty.

        Returns:
            chip_time_s and chip_energy_j. Optimizer and host are not counted.

        Raises:
            PhotonicsError: a negative number of inferences or settings.
        """
        for name, value in (("inferences", inferences), ("settings", settings)):
            if not value >= 0:
                raise PhotonicsError(f"{name}: {value}; allowed: >= 0")
        busy_s = inferences / self.inferences_per_s
        idle_s = settings * (self.programming_time_s + self.latency_s)
        energy_j = (
            busy_s * self.electrical_power_w
            + idle_s * self.static_power_w
            + settings * self.programming_energy_j
        )
        return busy_s + idle_s, energy_j


@dataclass(frozen=True)
class _Segment:
    """Light from modulators to detectors: one core, or the cascade of a layer's cores."""

    cores: tuple[CoreParts, ...]
    layer: LayerParts

    @property
    def slots(self) -> int:
        return max(self.layer.slots(core) for core in self.cores)

    def _side_by_side(self, core: CoreParts) -> int:
        return min(core.lanes, self.layer.wavelengths * self.layer.copies)

    @property
    def n_modulators(self) -> int:
        return self.cores[0].cols * self._side_by_side(self.cores[0])

    @property
    def n_detectors(self) -> int:
        return self.cores[-1].rows * self._side_by_side(self.cores[-1])

    @property
    def n_input_waveguides(self) -> int:
        first = self.cores[0]
        return first.cols * min(first.lanes, self.layer.copies)

    @property
    def values_in(self) -> int:
        return self.cores[0].cols * self.cores[0].lanes

    @property
    def values_out(self) -> int:
        return self.cores[-1].rows * self.cores[-1].lanes

    @property
    def n_stages(self) -> int:
        return sum(core.n_stages for core in self.cores)

    def loss_db(self, figures: HardwareFigures, complex_meshes: bool) -> float:
        shifters = 2 if complex_meshes else 1
        mesh_db = figures.cell_loss_db + shifters * figures.phase_shifter_loss_db
        attenuator_db = figures.cell_loss_db + figures.phase_shifter_loss_db
        per_core = sum(
            (core.n_stages - 1) * mesh_db + attenuator_db + core.splitting_loss_db for core in self.cores
        )
        routing = (len(self.cores) - 1) * figures.cross_connect_loss_db
        return figures.coupling_loss_db + figures.modulator_loss_db + per_core + routing

    def launch_power_w(self, figures: HardwareFigures, complex_meshes: bool) -> float:
        loss_db = self.loss_db(figures, complex_meshes)
        if loss_db > _LARGEST_LOSS_DB:
            return math.inf
        return self.n_detectors * figures.detector_power_w * 10.0 ** (loss_db / 10.0)

    def flight_s(self, figures: HardwareFigures) -> float:
        length_m = self.n_stages * figures.mzi_length_um * 1e-6
        return length_m * figures.group_index / SPEED_OF_LIGHT_M_PER_S

    def dynamic_energy_j(self, figures: HardwareFigures) -> tuple[float, float]:
        """Per inference: converters and modulators, digital electronics."""
        write_j = self.values_in * (figures.dac_energy_j + figures.modulator_energy_j)
        read_j = self.values_out * figures.adc_energy_j
        return write_j + read_j, self.values_out * figures.digital_energy_j


def _segments(architecture: ArchitectureSpec) -> list[_Segment]:
    segments: list[_Segment] = []
    for layer in architecture.layers:
        if layer.is_optical_cascade and not architecture.time_multiplexed:
            segments.append(_Segment(layer.cores, layer))
        else:
            segments.extend(_Segment((core,), layer) for core in layer.cores)
    return segments


def _inventory(architecture: ArchitectureSpec) -> tuple[int, int, int]:
    """MZIs, attenuators and phase shifters that exist."""

    def counts(core: CoreParts) -> tuple[int, int, int]:
        return core.n_mzi, core.n_attenuators, core.n_phases(architecture.complex_meshes)

    built = [(layer.copies, core) for layer in architecture.layers for core in layer.cores]
    if architecture.time_multiplexed:
        copies = max(n for n, _ in built)
        largest = max((core for _, core in built), key=lambda core: core.n_mzi)
        built = [(copies, largest)]
    totals = [[copies * n for n in counts(core)] for copies, core in built]
    mzis, attenuators, phases = (sum(column) for column in zip(*totals, strict=True))
    return mzis, attenuators, phases


def estimate(architecture: ArchitectureSpec, figures: HardwareFigures | None = None) -> HardwareCost:
    """Devices, light, power, time and energy of an architecture.

    Args:
        architecture: see `ArchitectureSpec`; `preset` has the published ones.
        figures: constants; the default is `HardwareFigures()`.

    Returns:
        A `HardwareCost`. The formulas are in docs/reference/hardware-cost.md.
    """
    figures = figures or HardwareFigures()
    segments = _segments(architecture)
    shared = architecture.time_multiplexed

    def exists(numbers: Iterable[float]) -> float:
        # A time-multiplexed chip has one set of parts, large enough for the most demanding core.
        return max(numbers) if shared else sum(numbers)

    n_mzi, n_attenuators, n_phases = _inventory(architecture)
    n_modulators = int(exists(s.n_modulators for s in segments))
    n_detectors = int(exists(s.n_detectors for s in segments))
    launches_w = [s.launch_power_w(figures, architecture.complex_meshes) for s in segments]
    reference_w = n_detectors * figures.local_oscillator_w
    optical_power_w = exists(launches_w) + reference_w * 10.0 ** (figures.coupling_loss_db / 10.0)

    period_s = 1.0 / figures.symbol_rate_hz
    stream = architecture.stream_length if shared else 1
    pass_s = [
        figures.converter_latency_s
        + s.flight_s(figures)
        + figures.digital_latency_s
        + stream * s.slots * period_s
        + (figures.phase_settling_s if shared else 0.0)
        for s in segments
    ]
    latency_s = sum(pass_s)
    # In space every segment works on its own inference; shared meshes finish a stream first.
    slots = max(s.slots for s in segments)
    rate = stream / latency_s if shared else figures.symbol_rate_hz / slots

    program_j = figures.dac_energy_j + figures.phase_switch_energy_j
    energies = [s.dynamic_energy_j(figures) for s in segments]
    reprogram_j = 0.0
    if shared:
        loaded = sum(s.layer.copies * s.cores[0].n_phases(architecture.complex_meshes) for s in segments)
        reprogram_j = loaded * program_j / stream
    power_by_part_w = {
        "lasers": optical_power_w / figures.wall_plug_efficiency,
        "receivers": n_detectors * figures.receiver_power_w,
        "held phases": n_phases * figures.phase_static_power_w,
        "converters": sum(convert for convert, _ in energies) * rate,
        "digital": sum(digital for _, digital in energies) * rate,
        "reprogramming": reprogram_j * rate,
    }
    static_power_w = sum(power_by_part_w[part] for part in ("lasers", "receivers", "held phases"))
    electrical_power_w = sum(power_by_part_w.values())
    cells = n_mzi + n_attenuators + n_modulators
    waveguide_power_w = max(
        launch / s.n_input_waveguides for launch, s in zip(launches_w, segments, strict=True)
    )
    return HardwareCost(
        name=architecture.name,
        n_mzi=n_mzi,
        n_attenuators=n_attenuators,
        n_phase_shifters=n_phases,
        n_modulators=n_modulators,
        n_detectors=n_detectors,
        n_stages=max(s.n_stages for s in segments),
        footprint_mm2=cells * figures.mzi_area_mm2 + n_detectors * figures.detector_area_mm2,
        insertion_loss_db=max(s.loss_db(figures, architecture.complex_meshes) for s in segments),
        optical_power_w=optical_power_w,
        waveguide_power_w=waveguide_power_w,
        is_feasible=waveguide_power_w <= figures.max_waveguide_power_w,
        static_power_w=static_power_w,
        electrical_power_w=electrical_power_w,
        power_by_part_w=power_by_part_w,
        latency_s=latency_s,
        inferences_per_s=rate,
        energy_per_inference_j=electrical_power_w / rate,
        programming_time_s=0.0 if shared else figures.phase_settling_s,
        programming_energy_j=0.0 if shared else n_phases * program_j,
    )

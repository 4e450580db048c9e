"""What whoever built a layer of meshes knows of it: which control sets which cell, who heats whom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.photonics.calibration.verdict import on_grid
from photonzero.photonics.chip.layout import CoreLayout, lay_out
from photonzero.photonics.cores import Meshes
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class LayerAccess(Protocol):
    """All that calibration asks a chip for."""

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        ...

    @property
    def largest_input(self) -> float:
        """What the modulators can present, from minus to plus this."""
        ...

    def measure_layer(
        self, layer: int, controls: FloatArray, vectors: FloatArray
    ) -> npt.NDArray[np.floating]:
        """Program P settings (P, n_controls), present B vectors (B, n_in) to one layer, the first being 0.

        Returns readings (P, B, n_out), before bias and activation.
        """
        ...


@dataclass(frozen=True, eq=False)
class CoreWiring:
    """One core of a layer: blocks of meshes.

    Attributes:
        mesh: topology of the U and V meshes of a block.
        shape: r_{k-1}, m_k, n_k, r_k; the unfolded core has r_{k-1} m_k rows and n_k r_k columns.
        grid: blocks down and across; the core is cut out of them.
        s_max: largest singular value of a block.
        angles_u: (blocks, n_mzi) places of the angles of the U meshes among the layer's phases.
        phases_s: (blocks, size) those of the attenuators.
        angles_v: (blocks, n_mzi) those of the angles of the V meshes.
    """

    mesh: MeshTopology
    shape: tuple[int, int, int, int]
    grid: tuple[int, int]
    s_max: float
    angles_u: IntArray
    phases_s: IntArray
    angles_v: IntArray

    @property
    def size(self) -> int:
        """Modes of a block."""
        return self.mesh.n_modes

    @property
    def rows(self) -> int:
        """r_{k-1} m_k."""
        return self.shape[0] * self.shape[1]

    @property
    def columns(self) -> int:
        """n_k r_k."""
        return self.shape[2] * self.shape[3]

    @property
    def n_blocks(self) -> int:
        """Down times across."""
        return math.prod(self.grid)

    @property
    def is_cut(self) -> bool:
        """Whether some block shows fewer rows or columns than it has modes."""
        return self.rows % self.size > 0 or self.columns % self.size > 0

    @cached_property
    def places(self) -> IntArray:
        """(blocks, phases of a block) places of U, attenuators and V among the layer's phases."""
        return np.concatenate([self.angles_u, self.phases_s, self.angles_v], axis=1)

    def visible(self, block: int) -> tuple[slice, slice]:
        """Rows and columns of the core that a block covers."""
        i, j = divmod(block, self.grid[1])
        k = self.size
        return slice(i * k, min((i + 1) * k, self.rows)), slice(j * k, min((j + 1) * k, self.columns))


@dataclass(frozen=True, eq=False)
class LayerWiring:
    """One layer of meshes.

    Attributes:
        number: of the layer, the first being 0.
        layer: its design.
        cores: from the first on; light meets the last one first.
        controls: (n,) places of its phases in the control vector.
        receiver: (n_pairs,) shifters that the heat of others reaches, places among the layer's phases.
        source: (n_pairs,) whose heat it is.
        standing: (n_controls,) what is programmed besides the phases of the layer: gains as designed, else 0.
        step_rad: distance of the settings that the DAC can make, 0 for any [rad].
        full_scale: readings beyond it are cut off.
    """

    number: int
    layer: TTLayer
    cores: tuple[CoreWiring, ...]
    controls: IntArray
    receiver: IntArray
    source: IntArray
    standing: FloatArray
    step_rad: float
    full_scale: float = math.inf

    @property
    def n_phases(self) -> int:
        """Of the layer."""
        return self.controls.size

    def settings(self, phases_rad: FloatArray) -> FloatArray:
        """Control vectors (P, n_controls) that program phases (P, n) of the layer."""
        settings = np.repeat(self.standing[None], len(phases_rad), axis=0)
        settings[:, self.controls] = phases_rad
        return settings

    def on_grid(self, phases_rad: FloatArray) -> FloatArray:
        """The nearest phases in [0, 2 pi) that the DAC can make, any shape [rad]; a whole turn is 0."""
        return on_grid(phases_rad, self.step_rad)

    def name(self, phase: int) -> str:
        """Name of a phase by its core, block, part and number, such as "core 0 block 1 U 13"."""
        for k, core in enumerate(self.cores):
            for part, places in (("U", core.angles_u), ("s", core.phases_s), ("V", core.angles_v)):
                block, number = np.nonzero(places == phase)
                if block.size:
                    return f"core {k} block {block[0]} {part} {number[0]}"
        raise PhotonicsError(f"phase: {phase}; allowed: 0 to {self.n_phases - 1}")


def wire_layer(
    design: NetworkDesign, number: int, step_rad: float = 0.0, full_scale: float = math.inf
) -> LayerWiring:
    """The wiring of one layer of a design.

    Args:
        design: of the chip.
        number: of the layer, the first being 0.
        step_rad: grid of the DAC [rad].
        full_scale: of the receivers.

    Raises:
        PhotonicsError: no such layer, or one whose cores are no meshes.
    """
    if number not in range(len(design.layers)):
        raise PhotonicsError(f"layer: {number}; allowed: 0 to {len(design.layers) - 1}")
    layer = design.layers[number]
    if not isinstance(layer.core, Meshes):
        raise PhotonicsError(
            f"layer {number + 1} of {design.name}: cores of {layer.core.kind}; allowed: meshes"
        )
    layout = lay_out(design, step_rad)
    own = layout.cores[number]
    controls = np.concatenate([core.controls for core in own])
    place = np.full(layout.n_controls, -1)
    place[controls] = np.arange(controls.size)
    # Meshes are laid out far apart: heat stays within one.
    position = layout.mesh_position[np.isin(layout.phase, controls)]
    span = int(position[:, 1].max()) + 3
    receiver, source = ThermalCrosstalk.neighbours(position[:, 0] * span + position[:, 1], position[:, 2])
    standing = np.zeros(layout.n_controls)
    for gain, other in zip(layout.gains, design.layers, strict=True):
        if gain >= 0:
            standing[gain] = other.gain
    cores = tuple(_wired(core, layer.core, place) for core in own)
    return LayerWiring(number, layer, cores, controls, receiver, source, standing, step_rad, full_scale)


def _wired(core: CoreLayout, kind: Meshes, place: IntArray) -> CoreWiring:
    u, s, v = (place[part] for part in core.parts)
    return CoreWiring(
        kind.mesh, core.shape, kind.grid(core.rows, core.columns), kind.limit(core.std), u, s, v
    )

"""The order in which kernels work through a mesh, and what each MZI can touch."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

# Layers that a tile of columns crosses in one go: their modes stay in the first-level cache.
_BAND_LAYERS = 8


@dataclass(frozen=True, eq=False)
class MeshSchedule:
    """What of a topology the kernels use, and the order in which they execute its MZIs.

    Attributes:
        place: (n_mzi,) position of each MZI in the order of execution.
        upper: (n_mzi,) its upper mode; this and the next two in the topology's order.
        lower: (n_mzi,) its lower mode.
        edge: (n_mzi, 2) index of the edge shifter before its upper and lower input, or -1.
        edge_out: (N,) index of the edge shifter after the last MZI of a mode, or -1.
        segment: (n_segment + 1,) bounds of the segments: after each, rows are rescaled.
        first_column: (n_mzi,) lowest input mode whose light can reach an MZI (its light cone);
            this and the next one in the order of execution.
        last_column: (n_mzi,) highest such input mode.
        spare: work spaces that are not in use now. Fresh memory for each call would cost as much
            as the arithmetic, since the system clears it page by page.
    """

    place: npt.NDArray[np.int32]
    upper: npt.NDArray[np.int32]
    lower: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int32]
    edge_out: npt.NDArray[np.int32]
    segment: npt.NDArray[np.int32]
    first_column: npt.NDArray[np.int32]
    last_column: npt.NDArray[np.int32]
    spare: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict, repr=False)

    @property
    def arrays(self) -> tuple[npt.NDArray[np.int32], ...]:
        """All arrays, in the order above: a tuple is what compiled code takes."""
        return (
            self.place,
            self.upper,
            self.lower,
            self.edge,
            self.edge_out,
            self.segment,
            self.first_column,
            self.last_column,
        )


def _light_cones(
    topology: MeshTopology,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(n_mzi,) first and last input mode that reach each MZI, layer by layer."""
    low, high = np.arange(topology.n_modes), np.arange(topology.n_modes)
    first, last = np.empty((2, topology.n_mzi), dtype=np.int32)
    bounds = np.searchsorted(topology.layer, np.arange(topology.n_layers + 1))
    for start, stop in itertools.pairwise(bounds):
        rows, partners = topology.row[start:stop], topology.partner[start:stop]
        first[start:stop] = np.minimum(low[rows], low[partners])
        last[start:stop] = np.maximum(high[rows], high[partners])
        low[rows] = low[partners] = first[start:stop]
        high[rows] = high[partners] = last[start:stop]
    return first, last


def _edge_slots(
    topology: MeshTopology,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Which MZI input, or else which output, each edge shifter stands before."""
    slots = np.full((topology.n_mzi, 2), -1, dtype=np.int32)
    outputs = np.full(topology.n_modes, -1, dtype=np.int32)
    for k, (layer, mode) in enumerate(zip(topology.edge_layer, topology.edge_row, strict=True)):
        after = topology.layer >= layer
        met = np.flatnonzero(after & ((topology.row == mode) | (topology.partner == mode)))
        # A view of the place, whichever it is.
        if met.size:
            side = int(topology.row[met[0]] != mode)
            place = slots[met[0], side : side + 1]
        else:
            place = outputs[mode : mode + 1]
        if place[0] >= 0:
            raise PhotonicsError(
                f"edges: two shifters on mode {mode} before its next MZI; allowed: one, their phases add"
            )
        place[0] = k
    return slots, outputs


@lru_cache(maxsize=128)
def mesh_schedule(topology: MeshTopology, segment_layers: int) -> MeshSchedule:
    """Order the MZIs for the caches, without changing what they do.

    In a planar mesh bands of layers are crossed along diagonals: an MZI comes after the two before
    it, and the next one needs the modes that have just been used.

    Args:
        topology: the mesh.
        segment_layers: layers after which rows are rescaled at the latest, >= 1.
    """
    layer, row = topology.layer, topology.row
    segment = layer // segment_layers
    if np.all(topology.partner == row + 1):
        band = (layer % segment_layers) // _BAND_LAYERS
        order = np.lexsort((layer, row + layer, band, segment))
    else:
        order = np.arange(topology.n_mzi)
    first, last = _light_cones(topology)
    slots, outputs = _edge_slots(topology)
    n_segments = int(segment[-1]) + 1
    return MeshSchedule(
        place=np.argsort(order).astype(np.int32),
        upper=row.astype(np.int32),
        lower=topology.partner.astype(np.int32),
        edge=slots,
        edge_out=outputs,
        segment=np.searchsorted(segment, np.arange(n_segments + 1)).astype(np.int32),
        first_column=first[order],
        last_column=last[order],
    )

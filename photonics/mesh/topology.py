"""Which modes meet in which layer: a mesh topology is data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from photonics.errors import PhotonicsError

IntArray = npt.NDArray[np.int64]


def _no_edges() -> IntArray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class MeshTopology:
    """Mach-Zehnder interferometers (MZIs) in the order light meets them.

    Two topologies are equal only if they are the same object: the constructors below return the
    same one for the same N, so that what is derived from it is derived once.

    Attributes:
        name: "rectangular", ...
        n_modes: N.
        layer: (n_mzi,) layer (column) of each MZI, 0 at the input, never decreasing.
        row: (n_mzi,) upper mode of each MZI.
        partner: (n_mzi,) lower mode of each MZI; `row + 1` in a planar mesh.
        cell: where the two phase shifters of an MZI sit, see `photonics.mesh.cell`.
        edge_layer: (n_edge,) layer before which each further phase shifter outside the MZIs sits.
        edge_row: (n_edge,) mode of each of them.
    """

    name: str
    n_modes: int
    layer: IntArray
    row: IntArray
    partner: IntArray
    cell: Literal["asymmetric", "symmetric"] = "asymmetric"
    edge_layer: IntArray = field(default_factory=_no_edges)
    edge_row: IntArray = field(default_factory=_no_edges)

    @property
    def n_mzi(self) -> int:
        """Number of MZIs."""
        return self.layer.size

    @property
    def n_edge(self) -> int:
        """Number of phase shifters outside the MZIs, the output ones not counted."""
        return self.edge_layer.size

    @property
    def n_layers(self) -> int:
        """Depth: cascaded MZIs on the longest path."""
        return int(self.layer[-1]) + 1 if self.layer.size else 0


def _columns(rows: list[tuple[int, ...]], width: int) -> list[IntArray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, width)
    columns = [np.ascontiguousarray(column) for column in table.T]
    for column in columns:
        column.flags.writeable = False
    return columns


def _from_layers(name: str, n_modes: int, layers: list[list[tuple[int, int]]]) -> MeshTopology:
    cells = [(k, a, b) for k, pairs in enumerate(layers) for a, b in pairs]
    layer, row, partner = _columns(cells, 3)
    return MeshTopology(name, n_modes, layer, row, partner)


def _check_modes(n_modes: int) -> None:
    if n_modes < 2:
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: >= 2")


def _brick_layers(n_modes: int) -> list[list[tuple[int, int]]]:
    return [[(i, i + 1) for i in range(k % 2, n_modes - 1, 2)] for k in range(n_modes)]


@lru_cache(maxsize=64)
def rectangular(n_modes: int) -> MeshTopology:
    """Clements et al. 2016: N layers, even layers start at mode 0, odd ones at mode 1. Universal.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    _check_modes(n_modes)
    return _from_layers("rectangular", n_modes, _brick_layers(n_modes))


@lru_cache(maxsize=64)
def triangular(n_modes: int) -> MeshTopology:
    """Reck et al. 1994: 2N - 3 layers, mode N - 1 meets one MZI, mode 0 meets N - 1. Universal.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    _check_modes(n_modes)
    depth = 2 * n_modes - 3
    layers = [[(i, i + 1) for i in range(k % 2, min(k, depth - 1 - k) + 1, 2)] for k in range(depth)]
    return _from_layers("triangular", n_modes, layers)


@lru_cache(maxsize=64)
def symmetric(n_modes: int) -> MeshTopology:
    """Bell and Walmsley 2021: the rectangle of MZIs with one phase shifter in each arm. Universal.

    No phase shifter stands between two MZIs, so that a layer is shorter by one shifter. What the
    arms cannot set is set at the rim: one shifter at the upper input of each MZI of the first
    layer, and one on the last mode after each layer that it passes by.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    _check_modes(n_modes)
    layers = _brick_layers(n_modes)
    inputs = [(0, upper) for upper, _ in layers[0]]
    last = n_modes - 1
    rim = [(k + 1, last) for k in range(n_modes - 1) if layers[k][-1:] != [(last - 1, last)]]
    cells = [(k, a, b) for k, pairs in enumerate(layers) for a, b in pairs]
    layer, row, partner = _columns(cells, 3)
    edge_layer, edge_row = _columns(inputs + rim, 2)
    return MeshTopology("symmetric", n_modes, layer, row, partner, "symmetric", edge_layer, edge_row)


@lru_cache(maxsize=64)
def butterfly(n_modes: int) -> MeshTopology:
    """The flow graph of the fast Fourier transform: log2 N layers, strides 1, 2, 4, ... N / 2.

    Not universal: N/2 log2 N MZIs. Waveguides cross between the layers, at no cost in this model.

    Raises:
        PhotonicsError: N is not a power of two, or below 2.
    """
    if n_modes < 2 or n_modes & (n_modes - 1):
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: a power of two >= 2")
    strides = [1 << k for k in range(n_modes.bit_length() - 1)]
    layers = [[(i, i + s) for i in range(n_modes) if not i & s] for s in strides]
    return _from_layers("butterfly", n_modes, layers)


TOPOLOGIES: Mapping[str, Callable[[int], MeshTopology]] = MappingProxyType(
    {"rectangular": rectangular, "triangular": triangular, "symmetric": symmetric, "butterfly": butterfly}
)
"""Constructors by name; each takes N."""

"""Which modes meet in which layer: a mesh topology is data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from numbers import Integral
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError

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
        cell: where the two phase shifters of an MZI sit, see `photonzero.photonics.mesh.cell`.
        edge_layer: (n_edge,) layer before which each further phase shifter outside the MZIs sits.
        edge_row: (n_edge,) mode of each of them.

    Raises:
        PhotonicsError: arrays of unequal lengths, layers out of order, a mode that does not exist or
            is used twice in a layer, two edge shifters in one place.
    """

    name: str
    n_modes: int
    layer: IntArray
    row: IntArray
    partner: IntArray
    cell: Literal["asymmetric", "symmetric"] = "asymmetric"
    edge_layer: IntArray = field(default_factory=_no_edges)
    edge_row: IntArray = field(default_factory=_no_edges)

    def __post_init__(self) -> None:
        """Compiled code trusts these arrays with its memory."""
        _check_modes(self.n_modes)
        _check_lengths(layer=self.layer, row=self.row, partner=self.partner)
        _check_lengths(edge_layer=self.edge_layer, edge_row=self.edge_row)
        if np.any(np.diff(self.layer, prepend=0) < 0):
            raise PhotonicsError("layer: decreases or starts below 0; allowed: in the order light meets them")
        if self.cell not in ("asymmetric", "symmetric"):
            raise PhotonicsError(f"cell: {self.cell!r}; allowed: 'asymmetric' or 'symmetric'")
        for name in ("row", "partner", "edge_row"):
            modes = getattr(self, name)
            outside = modes[(modes < 0) | (modes >= self.n_modes)]
            if outside.size:
                raise PhotonicsError(f"{name}: {outside[0]}; allowed: modes from 0 to {self.n_modes - 1}")
        uses = np.concatenate([self.layer, self.layer]) * self.n_modes + np.append(self.row, self.partner)
        places, count = np.unique(uses, return_counts=True)
        if np.any(count > 1):
            layer, mode = divmod(int(places[count > 1][0]), int(self.n_modes))
            raise PhotonicsError(f"layers: mode {mode} twice in layer {layer}; allowed: once in a layer")
        outside = self.edge_layer[(self.edge_layer < 0) | (self.edge_layer > self.n_layers)]
        if outside.size:
            raise PhotonicsError(f"edge_layer: {outside[0]}; allowed: 0 to {self.n_layers}")

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


def _check_lengths(**columns: IntArray) -> None:
    shapes = {name: column.shape for name, column in columns.items()}
    if len(set(shapes.values())) > 1 or any(column.ndim != 1 for column in columns.values()):
        raise PhotonicsError(f"{', '.join(shapes)}: shapes {list(shapes.values())}; allowed: (n,), all equal")
    for name, column in columns.items():
        if column.dtype.kind not in "iu":
            raise PhotonicsError(f"{name}: dtype {column.dtype}; allowed: whole numbers")


def _column(values: Iterable[int]) -> IntArray:
    column = np.fromiter(values, dtype=np.int64)
    column.flags.writeable = False
    return column


def from_layers(
    name: str,
    n_modes: int,
    layers: Sequence[Sequence[tuple[int, int]]],
    *,
    cell: Literal["asymmetric", "symmetric"] = "asymmetric",
    edges: Sequence[tuple[int, int]] = (),
) -> MeshTopology:
    """A topology from the pairs of modes that meet, layer by layer.

    Keep the result: two calls make two topologies, and what is derived from one is derived again.

    Args:
        name: what to call it.
        n_modes: N.
        layers: for each layer the (upper, lower) modes of its MZIs, each mode at most once.
        cell: where the two phase shifters of an MZI sit, see `photonzero.photonics.mesh.cell`.
        edges: (layer, mode) of further phase shifters: before which layer, on which mode.

    Raises:
        PhotonicsError: as `MeshTopology`.
    """
    cells = [(k, a, b) for k, pairs in enumerate(layers) for a, b in pairs]
    layer, row, partner = (_column(part[i] for part in cells) for i in range(3))
    edge_layer, edge_row = (_column(part[i] for part in edges) for i in range(2))
    return MeshTopology(name, n_modes, layer, row, partner, cell, edge_layer, edge_row)


def _check_modes(n_modes: int) -> None:
    if not isinstance(n_modes, Integral) or n_modes < 2:
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: a whole number >= 2")


def _brick_layers(n_modes: int) -> list[list[tuple[int, int]]]:
    return [[(i, i + 1) for i in range(k % 2, n_modes - 1, 2)] for k in range(n_modes)]


@lru_cache(maxsize=64)
def rectangular(n_modes: int) -> MeshTopology:
    """Clements et al. 2016: N layers, even layers start at mode 0, odd ones at mode 1. Universal.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    _check_modes(n_modes)
    return from_layers("rectangular", n_modes, _brick_layers(n_modes))


@lru_cache(maxsize=64)
def triangular(n_modes: int) -> MeshTopology:
    """Reck et al. 1994: 2N - 3 layers, mode N - 1 meets one MZI, mode 0 meets N - 1. Universal.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    _check_modes(n_modes)
    depth = 2 * n_modes - 3
    layers = [[(i, i + 1) for i in range(k % 2, min(k, depth - 1 - k) + 1, 2)] for k in range(depth)]
    return from_layers("triangular", n_modes, layers)


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
    return from_layers("symmetric", n_modes, layers, cell="symmetric", edges=inputs + rim)


@lru_cache(maxsize=64)
def butterfly(n_modes: int) -> MeshTopology:
    """The flow graph of the fast Fourier transform: log2 N layers, strides 1, 2, 4, ... N / 2.

    Not universal: N/2 log2 N MZIs. Waveguides cross between the layers, at no cost in this model.

    Raises:
        PhotonicsError: N is not a power of two, or below 2.
    """
    if not isinstance(n_modes, Integral) or n_modes < 2 or n_modes & (n_modes - 1):
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: a power of two >= 2")
    strides = [1 << k for k in range(n_modes.bit_length() - 1)]
    layers = [[(i, i + s) for i in range(n_modes) if not i & s] for s in strides]
    return from_layers("butterfly", n_modes, layers)


TOPOLOGIES: Mapping[str, Callable[[int], MeshTopology]] = MappingProxyType(
    {"rectangular": rectangular, "triangular": triangular, "symmetric": symmetric, "butterfly": butterfly}
)
"""Constructors by name; each takes N."""

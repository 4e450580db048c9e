"""Which modes meet in which layer: a mesh topology is data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError

IntArray = npt.NDArray[np.int64]


def _no_edges() -> IntArray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Nulling:
    """The order in which the MZIs of a universal mesh null the elements of a unitary matrix, one each.

    The cells are those of `photonzero.photonics.kernels.mesh_nulling`, without a common phase.

    Attributes:
        run: ``run(re, im, first, theta_rad, phi_rad, diagonal)``: destroys the real and imaginary parts
            (N, N) of the matrix, and writes both phases (n_mzi,) of all cells and what is left of the
            matrix, a diagonal (N,); `first` is the (n_layers,) index of the first MZI of each layer.
        merged: ``merged(topology)``: for each MZI how many elements were merged before into the one
            against which it nulls its own, (n_mzi,). Of a Haar-random matrix sin^2(theta / 2) has the
            distribution Beta(1, merged).
    """

    run: Callable[..., None]
    merged: Callable[[MeshTopology], IntArray]


@dataclass(frozen=True, eq=False, repr=False)
class MeshTopology:
    """Mach-Zehnder interferometers (MZIs) in the order light meets them.

    It is the authority on its mesh: what draws, decomposes, counts or fabricates one asks it. Two
    topologies are equal only if they are the same object: the constructors of
    `photonzero.photonics.mesh.topologies` return the same one for the same N, so that what is derived
    from it is derived once.

    Attributes:
        name: "rectangular", ...
        n_modes: N.
        layer: (n_mzi,) layer (column) of each MZI, 0 at the input, never decreasing.
        row: (n_mzi,) upper mode of each MZI.
        partner: (n_mzi,) lower mode of each MZI; `row + 1` in a planar mesh.
        cell: where the two phase shifters of an MZI sit, see `photonzero.photonics.mesh.cell`.
        edge_layer: (n_edge,) layer before which each further phase shifter outside the MZIs sits.
        edge_row: (n_edge,) mode of each of them.
        nulling: how a unitary matrix becomes phases; None if the mesh cannot make every one.

    Raises:
        PhotonicsError: no MZI, arrays of unequal lengths, layers out of order, a mode that does not
            exist or is used twice in a layer.
    """

    name: str
    n_modes: int
    layer: IntArray
    row: IntArray
    partner: IntArray
    cell: Literal["asymmetric", "symmetric"] = "asymmetric"
    edge_layer: IntArray = field(default_factory=_no_edges)
    edge_row: IntArray = field(default_factory=_no_edges)
    nulling: Nulling | None = None

    def __post_init__(self) -> None:
        """Compiled code trusts these arrays with its memory."""
        require_modes(self.n_modes)
        _check_lengths(layer=self.layer, row=self.row, partner=self.partner)
        _check_lengths(edge_layer=self.edge_layer, edge_row=self.edge_row)
        if not self.layer.size:
            raise PhotonicsError("layer: no MZI; allowed: at least one")
        for name in ("layer", "row", "partner", "edge_layer", "edge_row"):
            column = getattr(self, name).astype(np.int64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
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
        count = np.bincount(uses)
        if np.any(count > 1):
            layer, mode = divmod(int(np.argmax(count > 1)), int(self.n_modes))
            raise PhotonicsError(f"layers: mode {mode} twice in layer {layer}; allowed: once in a layer")
        outside = self.edge_layer[(self.edge_layer < 0) | (self.edge_layer > self.n_layers)]
        if outside.size:
            raise PhotonicsError(f"edge_layer: {outside[0]}; allowed: 0 to {self.n_layers}")

    def __repr__(self) -> str:
        universal = "universal" if self.is_universal else "not universal"
        edges = f", {self.n_edge} shifters outside them" if self.n_edge else ""
        return (
            f"MeshTopology({self.name!r}, {self.n_modes} modes, {self.n_mzi} {self.cell} MZIs in "
            f"{self.n_layers} layers{edges}, {universal})"
        )

    def _repr_html_(self) -> str:
        from photonzero.photonics.mesh.picture import as_html

        return as_html(repr(self), self)

    @property
    def n_mzi(self) -> int:
        """Number of MZIs."""
        return self.layer.size

    @property
    def n_edge(self) -> int:
        """Number of phase shifters outside the MZIs, the output ones not counted."""
        return self.edge_layer.size

    @property
    def n_shifters(self) -> int:
        """Number of all phase shifters: two an MZI, one an output, and those outside the MZIs."""
        return 2 * self.n_mzi + self.n_modes + self.n_edge

    @property
    def n_layers(self) -> int:
        """Depth: cascaded MZIs on the longest path."""
        return int(self.layer[-1]) + 1

    @property
    def is_universal(self) -> bool:
        """Whether it can make every unitary matrix, and knows the phases for it."""
        return self.nulling is not None

    @property
    def layer_starts(self) -> IntArray:
        """(n_layers,) index of the first MZI of each layer."""
        return np.searchsorted(self.layer, np.arange(self.n_layers))

    def shifter_places(self) -> tuple[IntArray, IntArray]:
        """Where heaters stand on the chip: columns, and modes, (n_shifters,) each.

        In the order theta, phi, output, edge shifters, each in the order of its phases. Asymmetric cells
        take two columns a layer, phi before theta, both on the upper mode; symmetric ones one column, phi
        on the lower mode. A shifter outside the MZIs stands in the column before its layer.
        """
        wide = 2 if self.cell == "asymmetric" else 1
        before = wide * self.layer
        columns = (before + wide - 1, before, np.full(self.n_modes, wide * self.n_layers))
        phi_row = self.row if self.cell == "asymmetric" else self.partner
        modes = (self.row, phi_row, np.arange(self.n_modes), self.edge_row)
        return np.concatenate([*columns, wide * self.edge_layer - 1]), np.concatenate(modes)


def _check_lengths(**columns: IntArray) -> None:
    shapes = {name: column.shape for name, column in columns.items()}
    if len(set(shapes.values())) > 1 or any(column.ndim != 1 for column in columns.values()):
        raise PhotonicsError(f"{', '.join(shapes)}: shapes {list(shapes.values())}; allowed: (n,), all equal")
    for name, column in columns.items():
        if column.dtype.kind not in "iu":
            raise PhotonicsError(f"{name}: dtype {column.dtype}; allowed: whole numbers")


def from_layers(
    name: str,
    n_modes: int,
    layers: Sequence[Sequence[tuple[int, int]]],
    *,
    cell: Literal["asymmetric", "symmetric"] = "asymmetric",
    edges: Sequence[tuple[int, int]] = (),
    nulling: Nulling | None = None,
) -> MeshTopology:
    """A topology from the pairs of modes that meet, layer by layer.

    Keep the result: two calls make two topologies, and what is derived from one is derived again.

    Args:
        name: what to call it.
        n_modes: N.
        layers: for each layer the (upper, lower) modes of its MZIs, each mode at most once.
        cell: where the two phase shifters of an MZI sit, see `photonzero.photonics.mesh.cell`.
        edges: (layer, mode) of further phase shifters: before which layer, on which mode.
        nulling: how a unitary matrix becomes phases, if the mesh is universal.

    Raises:
        PhotonicsError: as `MeshTopology`.
    """
    cells = [(k, a, b) for k, pairs in enumerate(layers) for a, b in pairs]
    layer, row, partner = (_column(part[i] for part in cells) for i in range(3))
    edge_layer, edge_row = (_column(part[i] for part in edges) for i in range(2))
    return MeshTopology(name, n_modes, layer, row, partner, cell, edge_layer, edge_row, nulling)


def checkerboard(
    name: str,
    n_modes: int,
    first: IntArray,
    last: IntArray,
    *,
    cell: Literal["asymmetric", "symmetric"] = "asymmetric",
    edges: Sequence[tuple[int, int]] = (),
    nulling: Nulling | None = None,
) -> MeshTopology:
    """A planar topology: layer k has MZIs on the upper modes first[k], first[k] + 2, ... up to last[k].

    Args:
        name: what to call it.
        n_modes: N.
        first: (n_layers,) first upper mode of each layer.
        last: (n_layers,) bound of its last one; below `first` for a layer without MZIs.
        cell: as in `from_layers`, as are the next two.
        edges: as there.
        nulling: as there.

    Raises:
        PhotonicsError: as `MeshTopology`.
    """
    count = np.maximum(last - first + 2, 0) // 2
    layer = np.repeat(np.arange(first.size), count)
    row = first[layer] + 2 * (np.arange(layer.size) - (np.cumsum(count) - count)[layer])
    edge_layer, edge_row = (_column(part[i] for part in edges) for i in range(2))
    return MeshTopology(name, n_modes, layer, row, row + 1, cell, edge_layer, edge_row, nulling)


def _column(values: Iterable[int]) -> IntArray:
    return np.fromiter(values, dtype=np.int64)


def require_modes(n_modes: int) -> None:
    """Accept a number of modes.

    Raises:
        PhotonicsError: not a whole number, or below 2.
    """
    if not isinstance(n_modes, Integral) or n_modes < 2:
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: a whole number >= 2")

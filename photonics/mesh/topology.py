"""Which modes meet in which layer: a mesh topology is data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonics.errors import PhotonicsError


@dataclass(frozen=True)
class MeshTopology:
    """Mach-Zehnder interferometers (MZIs) in the order light meets them.

    Attributes:
        name: "rectangular", ...
        n_modes: N.
        layer: (n_mzi,) layer (column) of each MZI, 0 at the input, never decreasing.
        row: (n_mzi,) upper mode of each MZI.
        partner: (n_mzi,) lower mode of each MZI; `row + 1` in a planar mesh.
    """

    name: str
    n_modes: int
    layer: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int64]

    @property
    def n_mzi(self) -> int:
        """Number of MZIs."""
        return self.layer.size

    @property
    def n_layers(self) -> int:
        """Depth: cascaded MZIs on the longest path."""
        return int(self.layer[-1]) + 1 if self.layer.size else 0


def _from_layers(name: str, n_modes: int, layers: list[list[tuple[int, int]]]) -> MeshTopology:
    cells = [(k, a, b) for k, pairs in enumerate(layers) for a, b in pairs]
    table = np.array(cells, dtype=np.int64).reshape(-1, 3)
    return MeshTopology(name, n_modes, *(np.ascontiguousarray(column) for column in table.T))


def rectangular(n_modes: int) -> MeshTopology:
    """Clements et al. 2016: N layers, even layers start at mode 0, odd ones at mode 1.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    if n_modes < 2:
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: >= 2")
    layers = [[(i, i + 1) for i in range(k % 2, n_modes - 1, 2)] for k in range(n_modes)]
    return _from_layers("rectangular", n_modes, layers)

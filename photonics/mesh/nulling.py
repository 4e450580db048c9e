"""The two orders in which the MZIs of a planar mesh null a unitary matrix, for matrices given and random."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.kernels.mesh_nulling import null_both_sides, null_from_right
from photonzero.photonics.mesh.topology import MeshTopology, Nulling

IntArray = npt.NDArray[np.int64]


def _merged_from_right(topology: MeshTopology) -> IntArray:
    """Of `null_from_right`: a row from its left end to the diagonal, one more element with each cell."""
    n, first = topology.n_modes, topology.layer_starts
    merged = np.zeros(topology.n_mzi, dtype=np.int64)
    for r in range(1, n):
        m = np.arange(r)
        merged[first[2 * (n - 1 - r) + m] + m // 2] = m + 1
    return merged


def _merged_from_both_sides(topology: MeshTopology) -> IntArray:
    """Of `null_both_sides`: nulling from the other side has used up some of the dimensions."""
    n, first = topology.n_modes, topology.layer_starts
    merged = np.zeros(topology.n_mzi, dtype=np.int64)
    for i in range(n - 1):
        j = np.arange(i + 1)
        cell = first[j] + (i - j) // 2 if i % 2 == 0 else first[n - 1 - j] + (n - 2 - i + j) // 2
        merged[cell] = np.minimum(2 * j + 1, 2 * (i + 1 - j))
    return merged


FROM_RIGHT = Nulling(null_from_right, _merged_from_right)
"""Row after row from the bottom, all cells on the input side [reck1994]."""

FROM_BOTH_SIDES = Nulling(null_both_sides, _merged_from_both_sides)
"""Diagonals from the lower left corner, from the input and the output side by turns [clements2016]."""

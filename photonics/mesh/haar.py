"""Haar-random unitary matrices, dialled directly as phases: no matrix is made or decomposed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.decompose import MeshPhases
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]

_TURN_RAD = 2.0 * np.pi


@lru_cache(maxsize=64)
def _half_exponents(topology: MeshTopology) -> FloatArray:
    """1 / (2 a) of every MZI, where sin^2(theta / 2) has the distribution Beta(1, a).

    A cell nulls one element of a Haar matrix against another one that a earlier ones were merged
    into. In the rectangle nulling from the other side has used up some of the dimensions.
    """
    n = topology.n_modes
    first = np.searchsorted(topology.layer, np.arange(topology.n_layers))
    merged = np.zeros(topology.n_mzi)
    # The order of nulling of `photonzero.photonics.mesh.nulling`, cell by cell.
    if topology.name == "triangular":
        for r in range(1, n):
            for m in range(r):
                merged[first[2 * (n - 1 - r) + m] + m // 2] = m + 1
    else:
        for i in range(n - 1):
            for j in range(i + 1):
                right = i % 2 == 0
                cell = first[j] + (i - j) // 2 if right else first[n - 1 - j] + (n - 2 - i + j) // 2
                merged[cell] = min(2 * j + 1, 2 * (i + 1 - j))
    return 0.5 / merged


def haar_phases(topology: MeshTopology, rng: np.random.Generator) -> MeshPhases:
    """Phases of a mesh whose transfer matrix is uniformly distributed over all unitary matrices.

    The split of each MZI has a distribution of its own, given by its place, and all other phases
    are uniform [russell2017].

    Args:
        topology: "rectangular", "triangular" or "symmetric".
        rng: source of the random numbers.

    Raises:
        PhotonicsError: a topology that is not universal.
    """
    if topology.name not in ("rectangular", "triangular", "symmetric"):
        raise PhotonicsError(f"topology: {topology.name!r}; allowed: rectangular, triangular or symmetric")
    split = 2.0 * np.arccos(rng.random(topology.n_mzi) ** _half_exponents(topology))
    other = _TURN_RAD * rng.random(topology.n_mzi)
    out = _TURN_RAD * rng.random(topology.n_modes)
    edge = _TURN_RAD * rng.random(topology.n_edge)
    if topology.cell == "symmetric":
        return MeshPhases(other + 0.5 * split, other - 0.5 * split, out, edge)
    return MeshPhases(split, other, out, edge)

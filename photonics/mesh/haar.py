"""Haar-random unitary matrices, dialled directly as phases: no matrix is made or decomposed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topologies import nulling_of
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]

_TURN_RAD = 2.0 * np.pi


@lru_cache(maxsize=64)
def _half_exponents(topology: MeshTopology) -> FloatArray:
    """1 / (2 a) of every MZI, where sin^2(theta / 2) has the distribution Beta(1, a)."""
    return 0.5 / nulling_of(topology).merged(topology)


def haar_phases(topology: MeshTopology, rng: np.random.Generator) -> MeshPhases:
    """Phases of a mesh whose transfer matrix is uniformly distributed over all unitary matrices.

    The split of each MZI has a distribution of its own, given by its place, and all other phases
    are uniform [russell2017].

    Args:
        topology: a universal one.
        rng: source of the random numbers.

    Raises:
        PhotonicsError: a topology that is not universal.
    """
    split = 2.0 * np.arccos(rng.random(topology.n_mzi) ** _half_exponents(topology))
    other = _TURN_RAD * rng.random(topology.n_mzi)
    out = _TURN_RAD * rng.random(topology.n_modes)
    edge = _TURN_RAD * rng.random(topology.n_edge)
    if topology.cell == "symmetric":
        return MeshPhases(other + 0.5 * split, other - 0.5 * split, out, edge)
    return MeshPhases(split, other, out, edge)

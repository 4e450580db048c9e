"""One setting of all phase shifters of a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]


class MeshPhases(NamedTuple):
    """Phases of one setting, in the order in which `build` takes them: ``build(mesh, *phases)``.

    Attributes:
        theta_rad: (n_mzi,), or (P, n_mzi) of P settings, as are the others.
        phi_rad: (n_mzi,).
        out_phase_rad: (N,).
        edge_phase_rad: (n_edge,), empty for most topologies.
    """

    theta_rad: FloatArray
    phi_rad: FloatArray
    out_phase_rad: FloatArray
    edge_phase_rad: FloatArray

    def __repr__(self) -> str:
        sizes = (f"{name} {np.shape(part)}" for name, part in zip(self._fields, self, strict=True))
        return f"MeshPhases({', '.join(sizes)})"

    @classmethod
    def checked(cls, topology: MeshTopology, parts: Sequence[npt.ArrayLike]) -> MeshPhases:
        """The four parts as arrays; phases outside the MZIs may be left out, and are 0.

        Raises:
            PhotonicsError: a wrong number of parts or of phases.
        """
        arrays = [np.asarray(part, dtype=np.float64) for part in parts]
        if len(arrays) == 3:
            arrays.append(np.zeros(topology.n_edge))
        if len(arrays) != 4:
            raise PhotonicsError(f"phases: {len(arrays)} arrays; allowed: {', '.join(cls._fields)}")
        for name, array, size in zip(cls._fields, arrays, _sizes(topology), strict=True):
            if array.ndim not in (1, 2) or array.shape[-1] != size:
                raise PhotonicsError(f"{name}: shape {array.shape}; allowed: ({size},) or (P, {size})")
        return cls(*arrays)

    @classmethod
    def uniform(cls, topology: MeshTopology, rng: np.random.Generator) -> MeshPhases:
        """Phases from 0 to 2 pi, which every mesh has."""
        return cls(*(2.0 * np.pi * rng.random(size) for size in _sizes(topology)))

    @classmethod
    def from_joined(cls, topology: MeshTopology, joined_rad: FloatArray) -> MeshPhases:
        """The four parts of (..., n_shifters) phases in their order [rad]."""
        return cls(*np.split(joined_rad, np.cumsum(_sizes(topology))[:-1], axis=-1))

    def joined(self) -> FloatArray:
        """All phases in their order, (..., n_shifters) [rad]; parts of one setting serve all settings.

        Raises:
            PhotonicsError: parts with different numbers of settings.
        """
        parts = [np.asarray(part, dtype=np.float64) for part in self]
        try:
            lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        except ValueError:
            shapes = [part.shape for part in parts]
            raise PhotonicsError(f"phases: shapes {shapes}; allowed: one number of settings") from None
        return np.concatenate([np.broadcast_to(part, (*lead, part.shape[-1])) for part in parts], axis=-1)


def _sizes(topology: MeshTopology) -> tuple[int, int, int, int]:
    return topology.n_mzi, topology.n_mzi, topology.n_modes, topology.n_edge

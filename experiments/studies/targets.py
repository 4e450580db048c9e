"""What the meshes of a study are meant to do: random unitary matrices."""

from __future__ import annotations

import numpy as np

from experiments.sweep.study import Sample
from photonics.mesh import (
    TOPOLOGIES,
    MeshImperfections,
    MeshPhases,
    MeshTopology,
    build,
    haar_phases,
)


def mesh_of(sample: Sample) -> MeshTopology:
    """The mesh that a sample's setting names.

    Raises:
        PhotonicsError: a butterfly whose number of modes is not a power of two.
    """
    return TOPOLOGIES[sample.setting["topology"]](sample.setting["n_modes"])


def target_phases(mesh: MeshTopology, sample: Sample) -> MeshPhases:
    """What a sample's chip is programmed to: Haar-random; uniform phases on a mesh that is not universal."""
    rng = sample.chip_rng("target")
    if mesh.name != "butterfly":
        return haar_phases(mesh, rng)
    sizes = (mesh.n_mzi, mesh.n_mzi, mesh.n_modes, mesh.n_edge)
    return MeshPhases(*(2.0 * np.pi * rng.random(size) for size in sizes))


def realised_matrix(
    mesh: MeshTopology,
    wanted: MeshPhases,
    sigma_phase_rad: float,
    sigma_coupler_rad: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The wanted matrix (N, N), and the one that phases and couplers with normal errors realise."""
    phases = [phase + sigma_phase_rad * rng.standard_normal(phase.size) for phase in wanted]
    couplers = sigma_coupler_rad * rng.standard_normal((2, mesh.n_mzi))
    errors = MeshImperfections(coupler_in_error_rad=couplers[0], coupler_out_error_rad=couplers[1])
    return build(mesh, *wanted), build(mesh, *phases, imperfections=errors)

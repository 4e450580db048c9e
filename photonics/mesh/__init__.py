"""Meshes of Mach-Zehnder interferometers: topologies, transfer matrices, decompositions."""

from photonzero.photonics.mesh.decompose import MeshPhases, decompose
from photonzero.photonics.mesh.fidelity import expected_fidelity, fidelity, matrix_error
from photonzero.photonics.mesh.haar import haar_phases
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.topology import (
    TOPOLOGIES,
    MeshTopology,
    butterfly,
    from_layers,
    rectangular,
    symmetric,
    triangular,
)
from photonzero.photonics.mesh.transfer import build, propagate

__all__ = [
    "TOPOLOGIES",
    "MeshImperfections",
    "MeshPhases",
    "MeshTopology",
    "build",
    "butterfly",
    "decompose",
    "expected_fidelity",
    "fidelity",
    "from_layers",
    "haar_phases",
    "matrix_error",
    "propagate",
    "rectangular",
    "symmetric",
    "triangular",
]

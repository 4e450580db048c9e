"""Meshes of Mach-Zehnder interferometers: topologies, transfer matrices, decompositions."""

from photonics.mesh.decompose import MeshPhases, decompose
from photonics.mesh.fidelity import expected_fidelity, fidelity, matrix_error
from photonics.mesh.haar import haar_phases
from photonics.mesh.imperfections import MeshImperfections
from photonics.mesh.topology import (
    TOPOLOGIES,
    MeshTopology,
    butterfly,
    from_layers,
    rectangular,
    symmetric,
    triangular,
)
from photonics.mesh.transfer import build, propagate

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

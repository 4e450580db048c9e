"""Meshes of Mach-Zehnder interferometers: topologies, transfer matrices, decompositions."""

from photonzero.photonics.mesh.decompose import decompose, nearest_unitary
from photonzero.photonics.mesh.fabricate import FabricatedMesh, fabricate_mesh
from photonzero.photonics.mesh.fidelity import expected_fidelity, fidelity, matrix_error
from photonzero.photonics.mesh.haar import haar_phases
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topologies import (
    TOPOLOGIES,
    butterfly,
    mesh,
    rectangular,
    symmetric,
    triangular,
)
from photonzero.photonics.mesh.topology import MeshTopology, Nulling, from_layers
from photonzero.photonics.mesh.transfer import build, propagate

__all__ = [
    "TOPOLOGIES",
    "FabricatedMesh",
    "MeshImperfections",
    "MeshPhases",
    "MeshTopology",
    "Nulling",
    "build",
    "butterfly",
    "decompose",
    "expected_fidelity",
    "fabricate_mesh",
    "fidelity",
    "from_layers",
    "haar_phases",
    "matrix_error",
    "mesh",
    "nearest_unitary",
    "propagate",
    "rectangular",
    "symmetric",
    "triangular",
]

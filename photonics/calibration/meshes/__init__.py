"""One mesh between modulators and detectors: every phase and coupler of it from vectors sent through."""

from photonzero.photonics.calibration.meshes.access import MeshAccess, MeshInstrument, MeshReader
from photonzero.photonics.calibration.meshes.fit import MeshFit, Normal
from photonzero.photonics.calibration.meshes.identify import IdentifiedMesh, MeshBudget, identify_mesh
from photonzero.photonics.calibration.meshes.model import MeshErrors, MeshModel, MeshReadings

__all__ = [
    "IdentifiedMesh",
    "MeshAccess",
    "MeshBudget",
    "MeshErrors",
    "MeshFit",
    "MeshInstrument",
    "MeshModel",
    "MeshReader",
    "MeshReadings",
    "Normal",
    "identify_mesh",
]

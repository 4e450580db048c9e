"""What a chip costs: devices, footprint, light, power, time and energy."""

from photonzero.photonics.cost.architecture import (
    ArchitectureSpec,
    CoreParts,
    LayerParts,
    dense_parts,
    mesh_mzis,
    mesh_stages,
    tensor_train_parts,
)
from photonzero.photonics.cost.estimate import HardwareCost, estimate
from photonzero.photonics.cost.of_design import TrainingCost, architecture, training_cost
from photonzero.photonics.cost.presets import PRESETS, preset

__all__ = [
    "PRESETS",
    "ArchitectureSpec",
    "CoreParts",
    "HardwareCost",
    "LayerParts",
    "TrainingCost",
    "architecture",
    "dense_parts",
    "estimate",
    "mesh_mzis",
    "mesh_stages",
    "preset",
    "tensor_train_parts",
    "training_cost",
]

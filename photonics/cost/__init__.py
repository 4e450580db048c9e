"""What a chip costs: devices, footprint, light, power, time and energy."""

from photonzero.photonics.cost.architecture import (
    ArchitectureSpec,
    Core,
    Layer,
    dense_layer,
    mesh_mzis,
    mesh_stages,
    tensor_train_layer,
)
from photonzero.photonics.cost.estimate import HardwareCost, estimate
from photonzero.photonics.cost.of_design import architecture, training_cost
from photonzero.photonics.cost.presets import PRESETS, preset

__all__ = [
    "PRESETS",
    "ArchitectureSpec",
    "Core",
    "HardwareCost",
    "Layer",
    "architecture",
    "dense_layer",
    "estimate",
    "mesh_mzis",
    "mesh_stages",
    "preset",
    "tensor_train_layer",
    "training_cost",
]

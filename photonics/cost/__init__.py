"""What a chip costs: devices, footprint, light, power, time and energy."""

from photonics.cost.architecture import (
    ArchitectureSpec,
    Core,
    Layer,
    dense_layer,
    mesh_mzis,
    mesh_stages,
    tensor_train_layer,
)
from photonics.cost.estimate import HardwareCost, estimate
from photonics.cost.presets import PRESETS, preset

__all__ = [
    "PRESETS",
    "ArchitectureSpec",
    "Core",
    "HardwareCost",
    "Layer",
    "dense_layer",
    "estimate",
    "mesh_mzis",
    "mesh_stages",
    "preset",
    "tensor_train_layer",
]

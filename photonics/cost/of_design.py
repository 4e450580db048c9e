"""What a design costs on hardware, and a training on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from photonzero.photonics.cores import Meshes
from photonzero.photonics.cost.architecture import ArchitectureSpec, tensor_train_parts
from photonzero.photonics.cost.estimate import estimate
from photonzero.photonics.design import NetworkDesign

_WAVELENGTHS = 32
"""Lanes that share one set of meshes, as published [zhao2023tonn]; further lanes are copies in space."""


def architecture(design: NetworkDesign) -> ArchitectureSpec | None:
    """All cores of a design in space (TONN-1); None if its cores are not meshes."""
    layers = []
    for layer in design.layers:
        if not isinstance(layer.core, Meshes):
            return None
        lanes = max(
            math.prod(layer.in_modes[:k]) * math.prod(layer.out_modes[k + 1 :])
            for k in range(len(layer.in_modes))
        )
        layers.append(
            tensor_train_parts(
                layer.out_modes,
                layer.in_modes,
                layer.ranks,
                wavelengths=min(_WAVELENGTHS, lanes),
                copies=-(-lanes // _WAVELENGTHS),
                block=layer.core.size,
                topology=layer.core.topology,
            )
        )
    return ArchitectureSpec(tuple(layers), name=design.name)


@dataclass(frozen=True)
class TrainingCost:
    """What a training takes on a chip of meshes, host not counted.

    Attributes:
        n_mzi: MZIs of the chip.
        time_s: in all.
        reprogramming_time_s: of it, while phases settle and the pipeline runs empty.
        energy_j: in all.
    """

    n_mzi: int
    time_s: float
    reprogramming_time_s: float
    energy_j: float


def training_cost(design: NetworkDesign, inferences: int, settings: int) -> TrainingCost | None:
    """The cost of a training; None of a chip without meshes.

    Args:
        design: the network.
        inferences: input vectors presented.
        settings: times the phases were programmed.
    """
    spec = architecture(design)
    if spec is None:
        return None
    estimated = estimate(spec)
    idle_s, _ = estimated.training_run(0, settings)
    time_s, energy_j = estimated.training_run(inferences, settings)
    return TrainingCost(estimated.n_mzi, time_s, idle_s, energy_j)

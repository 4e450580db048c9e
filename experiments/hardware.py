"""What a run would have cost on hardware."""

from __future__ import annotations

import math

from photonics.cost import ArchitectureSpec, estimate, tensor_train_layer
from photonics.design import NetworkDesign

_WAVELENGTHS = 32
"""Lanes that share one set of meshes, as published [zhao2023tonn]; further lanes are copies in space."""


def architecture(design: NetworkDesign) -> ArchitectureSpec | None:
    """All cores of a design in space (TONN-1); None if its cores are not optical."""
    if any(layer.domain == "weight" for layer in design.layers):
        return None
    layers = []
    for layer in design.layers:
        lanes = max(
            math.prod(layer.in_modes[:k]) * math.prod(layer.out_modes[k + 1 :])
            for k in range(len(layer.in_modes))
        )
        layers.append(
            tensor_train_layer(
                layer.out_modes,
                layer.in_modes,
                layer.ranks,
                wavelengths=min(_WAVELENGTHS, lanes),
                copies=-(-lanes // _WAVELENGTHS),
                block=layer.core_size,
            )
        )
    return ArchitectureSpec(tuple(layers), name=design.name)


def training_cost(design: NetworkDesign, inferences: int, settings: int) -> tuple[float | None, float | None]:
    """Time [s] and energy [J] of a training on the chip; None for digital cores.

    Args:
        design: the network.
        inferences: input vectors presented.
        settings: times the phases were programmed.
    """
    spec = architecture(design)
    if spec is None:
        return None, None
    return estimate(spec).training_run(inferences, settings)

"""What a run would have cost on hardware."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rich.console import Console

from photonzero.experiments.config.run_config import read_design
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.cost import PRESETS, ArchitectureSpec, estimate, preset, tensor_train_layer
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.designs import design_names

_WAVELENGTHS = 32
"""Lanes that share one set of meshes, as published [zhao2023tonn]; further lanes are copies in space."""


def architecture(design: NetworkDesign) -> ArchitectureSpec | None:
    """All cores of a design in space (TONN-1); None if its cores are not meshes."""
    if any(layer.domain != "phase" for layer in design.layers):
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


def training_cost(
    design: NetworkDesign, inferences: int, settings: int
) -> tuple[int, float | None, float | None]:
    """MZIs of the chip, time [s] and energy [J] of a training on it; 0 and None without meshes.

    Args:
        design: the network.
        inferences: input vectors presented.
        settings: times the phases were programmed.
    """
    spec = architecture(design)
    if spec is None:
        return 0, None, None
    estimated = estimate(spec)
    return estimated.n_mzi, *estimated.training_run(inferences, settings)


def cost_table(chip: str, inferences: int | None) -> dict[str, Any]:
    """All figures of the cost model for a design or an architecture, by name.

    Args:
        chip: a name of `photonzero.photonics.designs` or of `photonzero.photonics.cost`, or a TOML file with
            a design.
        inferences: adds time and energy of a training of so many, phases programmed once.

    Raises:
        UsageError: an unknown chip, or one without optics.
    """
    if chip in PRESETS:
        spec = preset(chip)
    elif chip in design_names() or chip.endswith(".toml"):
        found = architecture(read_design(chip))
        if found is None:
            raise UsageError(f"chip {chip}: its cores are numbers or rings; allowed: a chip with meshes")
        spec = found
    else:
        raise UsageError(f"chip: {chip!r}; allowed: {', '.join((*PRESETS, *design_names()))}, or a TOML file")
    estimated = estimate(spec)
    table = {f.name: getattr(estimated, f.name) for f in fields(estimated)}
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    if inferences is not None:
        table["training_time_s"], table["training_energy_j"] = estimated.training_run(inferences)
    return table


def print_cost(chip: str, inferences: int | None, as_json: bool) -> None:
    """Print `cost_table` on stdout, as lines or as one JSON object."""
    table = cost_table(chip, inferences)
    console = Console(highlight=False)
    if as_json:
        console.print(json.dumps(table), markup=False, soft_wrap=True)
        return
    for line in flat_lines(table):
        console.print(line, markup=False, soft_wrap=True)


def flat_lines(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    """A nested dictionary as "name: value" lines."""
    lines = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += flat_lines(value, f"{name} ")
        else:
            lines.append(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    return lines

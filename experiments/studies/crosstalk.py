"""Heat that reaches the neighbours of a phase shifter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.studies.network_study import network_study
from photonzero.experiments.sweep.study import Axis


def noise_of(noise: NoiseModel, setting: Mapping[str, Any]) -> NoiseModel:
    """A chip with the setting's crosstalk."""
    return replace(noise, thermal_crosstalk=ThermalCrosstalk(setting["coupling"]))


STUDY = network_study(
    "crosstalk",
    "Heat that reaches the neighbours of a phase shifter.",
    (Axis("coupling", "thermal crosstalk (share of a neighbour's phase)", high=0.2),),
    noise_of,
    # Crosstalk is the same on every chip: seeds tell one network from another.
    defaults={"chips": 1, "seeds": 3, "coupling": [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]},
    quick={"chips": 1, "seeds": 2, "coupling": [0.001, 0.01, 0.1]},
    caption=(
        "Every phase receives this share of the phase of each of its neighbours on the checkerboard, six at "
        "most. Samples differ in the seed of training."
    ),
)

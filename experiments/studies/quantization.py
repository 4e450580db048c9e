"""Bits of the DACs behind the phases, on a grid of phases or of voltages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.quantizer import PhaseQuantizer, VoltageQuantizer
from photonzero.experiments.studies.network_study import network_study
from photonzero.experiments.sweep.study import Axis, Sample
from photonzero.photonics.mesh import build, fidelity, haar_phases, rectangular

_MODES = 16


def _quantizer(setting: Mapping[str, Any]) -> dict[str, PhaseQuantizer | VoltageQuantizer | None]:
    bits = setting["bits"]
    if setting["dac_grid"] == "phase":
        return {"phase_quantizer": PhaseQuantizer(bits), "voltage_quantizer": None}
    return {"phase_quantizer": None, "voltage_quantizer": VoltageQuantizer(bits)}


def noise_of(noise: NoiseModel, setting: Mapping[str, Any]) -> NoiseModel:
    """A chip with the setting's DACs."""
    changes: dict[str, Any] = dict(_quantizer(setting))
    return replace(noise, **changes)


def fidelity_of(sample: Sample) -> float:
    """A Haar-random mesh of 16 modes, every phase on the grid."""
    mesh = rectangular(_MODES)
    wanted = haar_phases(mesh, sample.chip_rng("target"))
    grid = next(quantizer for quantizer in _quantizer(sample.setting).values() if quantizer is not None)
    return float(fidelity(build(mesh, *wanted), build(mesh, *(grid.realise(phase) for phase in wanted))))


STUDY = network_study(
    "quantization",
    "Bits of the DACs behind the phases, on a grid of phases or of voltages.",
    (
        Axis("dac_grid", "grid", "text", choices=("phase", "voltage")),
        Axis("bits", "bits of the DACs", "int", 1, 24),
    ),
    noise_of,
    defaults={"dac_grid": ["phase", "voltage"], "bits": [2, 3, 4, 5, 6, 7, 8, 10, 12], "problem": ["digits"]},
    quick={"bits": [3, 5, 8]},
    caption=(
        "DACs of so many bits behind every phase, on a uniform grid of phases or of voltages (phase = "
        "gamma V²). Left: Haar-random rectangular meshes of 16 modes, an imperfect DAC the only error."
    ),
    fidelity_of=fidelity_of,
)

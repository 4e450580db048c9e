"""Errors of phases and of couplers together: fidelity of a mesh and accuracy of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from devices.coupler import CouplerImbalance
from devices.noise_model import preset
from experiments.studies.targets import realised_matrix
from experiments.studies.tasks import (
    MAX_SIGMA_PHASE_RAD,
    TaskOptions,
    error_of,
    ideal_networks,
    network_name,
    prepare_ideal,
    sample_config,
    with_phase_bias,
)
from experiments.sweep.figures import HeatMap, draw_heat_maps
from experiments.sweep.plan import Plan
from experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonics.mesh import fidelity, haar_phases, rectangular


@dataclass(frozen=True)
class Options(TaskOptions):
    """Settings of the study.

    Attributes:
        network: also load the digits network onto a chip with these errors; False measures meshes only.
    """

    network: bool = True


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """A mesh and, if asked for, the digits network with the same errors."""
    return [
        {"fidelity": _fidelity(sample), "test_accuracy": _accuracy(sample, prepared)} for sample in samples
    ]


def _fidelity(sample: Sample) -> float:
    mesh = rectangular(sample.setting["n_modes"])
    wanted = haar_phases(mesh, sample.chip_rng("target"))
    setting = sample.setting
    target, realised = realised_matrix(
        mesh, wanted, setting["sigma_phase_rad"], setting["sigma_coupler_rad"], sample.chip_rng("errors")
    )
    return float(fidelity(target, realised))


def _accuracy(sample: Sample, prepared: Prepared) -> float | None:
    if not sample.options.network:
        return None
    noise = with_phase_bias(preset(sample.options.noise), sample.setting["sigma_phase_rad"])
    couplers = CouplerImbalance(angle_std_rad=sample.setting["sigma_coupler_rad"])
    noise = replace(noise, coupler_imbalance=couplers)
    network = prepared[network_name("digits", sample.seed)]
    return 1.0 - error_of(sample_config(sample, "digits", noise), network["controls"])


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """A heat map a column, one figure for each number of modes."""
    drawings = []
    columns = ["fidelity"] + ["test_accuracy"] * plan.options.network
    for n_modes in plan.grid["n_modes"]:
        name = "component-error" if len(plan.grid["n_modes"]) == 1 else f"component-error-{n_modes}"
        own = [row for row in rows if row["n_modes"] == n_modes]
        titles = {
            "fidelity": f"fidelity, rectangular mesh, N = {n_modes}",
            "test_accuracy": "test accuracy of the loaded digits network",
        }
        maps = [HeatMap("sigma_phase_rad", "sigma_coupler_rad", key, titles[key]) for key in columns]
        draw_heat_maps(folder, name, plan.study, own, maps)
        drawings.append(
            Drawing(
                name,
                "Medians over chips, errors of phases and couplers independent. Left: normal errors of every "
                "phase and every coupler of a Haar-random mesh. Right: the digits network, trained on an "
                "ideal chip and loaded onto chips with such couplers and a uniform phase bias of the same "
                f"standard deviation. {plan.chips} chips.",
            )
        )
    return drawings


STUDY = Study(
    name="component-error",
    summary="Errors of phases and couplers together: fidelity of meshes, accuracy of the digits network.",
    axes=(
        Axis("n_modes", "modes N", "int", 2, 1024),
        Axis("sigma_coupler_rad", "std. of coupler angles [rad]", high=np.pi / 4),
        Axis("sigma_phase_rad", "std. of phases [rad]", high=MAX_SIGMA_PHASE_RAD),
    ),
    defaults={
        "chips": 5,
        "n_modes": [16],
        "sigma_coupler_rad": [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
        "sigma_phase_rad": [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
    },
    quick={"chips": 3, "sigma_coupler_rad": [0.0, 0.02, 0.1], "sigma_phase_rad": [0.0, 0.02, 0.1]},
    measured=(Measured("fidelity", "fidelity"), Measured("test_accuracy", "test accuracy")),
    measure=measure,
    draw=draw,
    options=Options,
    preparations=lambda plan: ideal_networks(plan) if plan.options.network else (),
    prepare=prepare_ideal,
)

"""Errors of phases and of couplers together: fidelity of a mesh and accuracy of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.networks import (
    MAX_SIGMA_PHASE_RAD,
    TaskOptions,
    error_of,
    ideal_networks,
    network_name,
    prepare_ideal,
    sample_config,
    train,
    with_phase_bias,
)
from photonzero.experiments.studies.targets import (
    MODES,
    TOPOLOGY,
    MeshOptions,
    load_file,
    network_of,
    target_text,
)
from photonzero.experiments.sweep.figures import HeatMap, draw_heat_maps, good
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.mesh import fabricate_mesh, fidelity
from photonzero.photonics.mesh.phase_file import MeshNetwork


@dataclass(frozen=True)
class Options(TaskOptions, MeshOptions):
    """Settings of the study.

    Attributes:
        network: also load the digits network onto a chip with these errors; False measures meshes only.
        on_chip: and train it on that chip too, from random controls.
    """

    network: bool = True
    on_chip: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        TaskOptions.__post_init__(self)
        MeshOptions.__post_init__(self)
        if self.on_chip and (self.phases is not None or not self.network):
            raise UsageError("on_chip: True; allowed with network = true and without phases")


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """A mesh, and a network with the same errors: the user's, or the digits network if asked for."""
    rows = []
    for sample in samples:
        network = network_of(sample, prepared)
        realised = _realised(network, sample)
        row: Row = {"fidelity": float(fidelity(network.matrix(), realised)), "trained_accuracy": None}
        if sample.options.phases is not None:
            row["test_accuracy"] = network.test_accuracy(realised)
        else:
            row |= _accuracies(sample, prepared)
        rows.append(row)
    return rows


def _loads_digits(plan: Plan) -> bool:
    return plan.options.network and plan.options.phases is None


def _realised(network: MeshNetwork, sample: Sample) -> np.ndarray:
    """Transfer matrix (N, N) with normal errors of every phase and every coupler."""
    rng = sample.chip_rng("errors")
    sigma_rad = sample.setting["sigma_phase_rad"]
    phases = [phase + sigma_rad * rng.standard_normal(phase.size) for phase in network.phases]
    couplers = CouplerImbalance(angle_std_rad=sample.setting["sigma_coupler_rad"])
    return fabricate_mesh(network.mesh, NoiseModel(coupler_imbalance=couplers), rng).matrix(phases)


def _accuracies(sample: Sample, prepared: Prepared) -> Row:
    """The digits network loaded onto a chip with these errors, and trained on it, as far as asked for."""
    row: Row = {"test_accuracy": None, "trained_accuracy": None}
    if not sample.options.network:
        return row
    noise = with_phase_bias(preset(sample.options.noise), sample.setting["sigma_phase_rad"])
    couplers = CouplerImbalance(angle_std_rad=sample.setting["sigma_coupler_rad"])
    config = sample_config(sample, "digits", replace(noise, coupler_imbalance=couplers))
    network = prepared[network_name("digits", sample.seed)]
    row["test_accuracy"] = 1.0 - error_of(config, network["controls"])
    if sample.options.on_chip:
        row["trained_accuracy"] = 1.0 - train(config).error
    return row


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """A heat map a column, one figure for each number of modes."""
    drawings = []
    columns = [key for key in ("fidelity", "test_accuracy", "trained_accuracy") if good(rows, key)]
    loaded = "loaded digits" if plan.options.phases is None else "imported"
    meshes = list(dict.fromkeys((setting["topology"], setting["n_modes"]) for setting in plan.settings))
    for topology, n_modes in meshes:
        name = "component-error" if len(meshes) == 1 else f"component-error-{topology}-{n_modes}"
        own = [row for row in rows if (row["topology"], row["n_modes"]) == (topology, n_modes)]
        titles = {
            "fidelity": f"fidelity, {topology} mesh, N = {n_modes}",
            "test_accuracy": f"test accuracy, {loaded} network",
            "trained_accuracy": "test accuracy, trained on the chip",
        }
        maps = [
            HeatMap("sigma_phase_rad", "sigma_coupler_rad", key, titles[key], (0.0, 1.0)) for key in columns
        ]
        draw_heat_maps(folder, name, plan.study, own, maps)
        drawings.append(
            Drawing(
                name,
                "Medians over chips, errors of phases and couplers independent. Fidelity: normal errors of "
                f"every phase and every coupler; {target_text(plan)}. {_right(plan)}{plan.chips} chips.",
            )
        )
    return drawings


def _right(plan: Plan) -> str:
    if not _loads_digits(plan):
        return ""
    return (
        "Accuracy: the digits network, trained on an ideal chip and loaded onto chips with such couplers and "
        "a uniform phase bias of the same standard deviation"
        + (
            f", and trained on them from random controls with {plan.options.digits_inferences:,} inferences. "
            if plan.options.on_chip
            else ". "
        )
    )


STUDY = Study(
    name="component-error",
    summary="Errors of phases and couplers together: fidelity of meshes, accuracy of the digits network.",
    axes=(
        TOPOLOGY,
        MODES,
        Axis("sigma_coupler_rad", "std. of coupler angles [rad]", high=np.pi / 4),
        Axis("sigma_phase_rad", "std. of phases [rad]", high=MAX_SIGMA_PHASE_RAD),
    ),
    defaults={
        "chips": 5,
        "topology": ["rectangular"],
        "n_modes": [16],
        "sigma_coupler_rad": [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
        "sigma_phase_rad": [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
    },
    quick={"chips": 3, "sigma_coupler_rad": [0.0, 0.02, 0.1], "sigma_phase_rad": [0.0, 0.02, 0.1]},
    measured=(
        Measured("fidelity", "fidelity"),
        Measured("test_accuracy", "test accuracy"),
        Measured("trained_accuracy", "test accuracy, trained on the chip"),
    ),
    measure=measure,
    draw=draw,
    options=Options,
    load=load_file,
    preparations=lambda plan: ideal_networks(plan) if _loads_digits(plan) else (),
    prepare=prepare_ideal,
)

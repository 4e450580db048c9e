"""Fidelity and matrix error of meshes against the errors of their phases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photonzero.experiments.studies.targets import (
    MODES,
    TOPOLOGY,
    MeshOptions,
    load_file,
    mesh_named,
    network_of,
    target_text,
)
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels, good, values_of
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import build, expected_fidelity, fidelity, matrix_error

_BLOCK = 7
"""Matrices that are built together: few enough to stay in a processor's cache until they are compared."""


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """One chip with one target, its errors scaled to every sigma."""
    network = network_of(samples[0], prepared)
    mesh, wanted, target = network.mesh, network.phases, network.matrix()
    rng = samples[0].chip_rng("errors")
    errors = [rng.standard_normal(phase.size) for phase in wanted]
    rows: list[Row] = []
    for start in range(0, len(samples), _BLOCK):
        block = samples[start : start + _BLOCK]
        sigma_rad = np.array([[sample.setting["sigma_phase_rad"]] for sample in block])
        pairs = zip(wanted, errors, strict=True)
        realised = build(mesh, *(phase + sigma_rad * error for phase, error in pairs))
        found = zip(fidelity(target, realised).tolist(), matrix_error(target, realised).tolist(), strict=True)
        accuracy = [network.test_accuracy(matrix) for matrix in realised]
        rows += [
            {"fidelity": near, "matrix_error": far, "test_accuracy": right}
            for (near, far), right in zip(found, accuracy, strict=True)
        ]
    return rows


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Loss of fidelity and matrix error against sigma."""
    sigmas = np.array(values_of(rows, "sigma_phase_rad"))
    closed_forms = []
    for k, setting in enumerate(dict.fromkeys((s["topology"], s["n_modes"]) for s in plan.settings)):
        mesh = mesh_named(plan, *setting)
        small = [sigma for sigma in sigmas if sigma > 0 and _is_small(mesh, sigma)]
        lost = [1.0 - expected_fidelity(mesh, sigma) for sigma in small]
        closed_forms.append(("small-error closed form" if k == 0 else None, small, lost))
    lines = ("topology", "n_modes")
    panels = [
        Panel(
            "sigma_phase_rad", "fidelity", lines, y_of=lambda f: 1.0 - f, y_label="1 − fidelity",
            y_log=True, references=tuple(closed_forms),
        ),
        Panel("sigma_phase_rad", "matrix_error", lines),
    ]  # fmt: skip
    if good(rows, "test_accuracy"):
        panels.append(Panel("sigma_phase_rad", "test_accuracy", lines, title="imported network", y_log=False))
    draw_panels(folder, "phase-error", plan.study, rows, panels)
    return [
        Drawing(
            "phase-error",
            "Left: fidelity |tr(W†R)|²/(tr(W†W) tr(R†R)) of the realised matrix R with the wanted one W, "
            "as its distance from 1. Right: relative distance ‖R − W‖/‖W‖. Every phase shifter, those at "
            f"the outputs included, has an independent normal error; {plan.chips} chips, "
            f"{target_text(plan)}; {BAND_TEXT}.",
        )
    ]


def _is_small(mesh, sigma_rad: float) -> bool:
    """Whether the closed form holds: it neglects the square of the loss."""
    try:
        return expected_fidelity(mesh, sigma_rad) > 0.8
    except PhotonicsError:
        return False


STUDY = Study(
    name="phase-error",
    summary="Fidelity and matrix error of meshes against the errors of their phases.",
    axes=(
        TOPOLOGY,
        MODES,
        Axis("sigma_phase_rad", "standard deviation of every phase [rad]"),
    ),
    defaults={
        "chips": 20,
        "topology": ["rectangular"],
        "n_modes": [64],
        "sigma_phase_rad": {"from": 1e-3, "to": 1.0, "count": 21, "scale": "log"},
    },
    quick={"chips": 10, "n_modes": [16]},
    measured=(
        Measured("fidelity", "fidelity"),
        Measured("matrix_error", "matrix error ‖R − W‖ / ‖W‖"),
        Measured("test_accuracy", "test accuracy"),
    ),
    measure=measure,
    draw=draw,
    options=MeshOptions,
    load=load_file,
    scanned=True,
)

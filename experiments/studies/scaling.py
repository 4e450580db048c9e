"""Error against the size of the network: width N, tensor-train rank, size k of the cores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photonzero.devices.noise_model import preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.networks import error_label, task_config, train
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.cores import Meshes
from photonzero.photonics.design import NetworkDesign, TTLayer


@dataclass(frozen=True)
class Options:
    """Settings of the study.

    Attributes:
        noise: preset of the chips.
        inferences: budget of a training.
    """

    noise: str = "published"
    inferences: int = 600_000

    def __post_init__(self) -> None:
        """Check the values."""
        preset(self.noise)
        if self.inferences < 1:
            raise UsageError(f"inferences: {self.inferences}; allowed: >= 1")


def design_of(setting: Mapping[str, Any]) -> NetworkDesign:
    """2-N-N-1 with tanh, as the Black-Scholes network: TT [N/8, 8] x [2, 1] and [4, N/32, 8] x [4, N/32, 8].

    Raises:
        UsageError: N not a multiple of 32.
    """
    width, rank, core_size = setting["width"], setting["rank"], setting["core_size"]
    if width % 32:
        raise UsageError(f"width: {width}; allowed: multiples of 32")
    modes, core = (4, width // 32, 8), Meshes(size=core_size)
    return NetworkDesign(
        f"scaling-{width}-{rank}-{core_size}",
        f"2-{width}-{width}-1, tanh, rank {rank}, cores of {core_size}",
        (
            TTLayer((width // 8, 8), (2, 1), (1, rank, 1), "tanh", core, gain=2.0),
            TTLayer(modes, modes, (1, rank, rank, 1), "tanh", core),
        ),
    )


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """Train Black-Scholes on a chip of every sample's size."""
    rows = []
    for sample in samples:
        design = design_of(sample.setting)
        config = task_config(
            "black-scholes",
            preset(sample.options.noise),
            seed=int(sample.rng().integers(2**31)),
            chip_seed=sample.chip_seed,
            inferences=sample.options.inferences,
            design=design,
        )
        trained = train(config)
        mzis = sum(layer.n_mesh_mzi for layer in design.layers)
        rows.append({"error": trained.error, "inferences": trained.inferences, "n_mesh_mzi": mzis})
    return rows


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Error against width and against MZIs."""
    label = f"test error ({error_label('black-scholes')})"
    lines = ("rank", "core_size")
    panels = [Panel("width", "error", lines, y_label=label, y_log=True)]
    panels += [Panel("n_mesh_mzi", "error", lines, y_label=label, y_log=True)]
    draw_panels(folder, "scaling", plan.study, rows, panels, height_in=3.0)
    return [
        Drawing(
            "scaling",
            "Black-Scholes on networks 2-N-N-1 of tensor-train layers, trained on the chip, forward-only, "
            f"with at most {plan.options.inferences:,} optical inferences: error against the width N, and "
            "against the MZIs of all meshes, for each rank and core size k. "
            f"{plan.chips} chips of the preset {plan.options.noise}; {BAND_TEXT}.",
        )
    ]


STUDY = Study(
    name="scaling",
    summary="Error and inferences against width N, tensor-train rank and core size k (Black-Scholes).",
    axes=(
        Axis("rank", "rank", "int", 1, 64),
        Axis("core_size", "core size k", "int", 2, 64),
        Axis("width", "width N", "int", 32, math.inf),
    ),
    defaults={"chips": 3, "rank": [1, 2, 4], "core_size": [4, 8], "width": [32, 64, 128, 256]},
    quick={"chips": 2, "rank": [1, 2], "core_size": [8], "width": [32, 128], "inferences": 200_000},
    measured=(
        Measured("error", "test error"),
        Measured("inferences", "optical inferences", "int"),
        Measured("n_mesh_mzi", "MZIs of the meshes", "int"),
    ),
    measure=measure,
    draw=draw,
    options=Options,
)

"""`photonzero sweep frozen`: when do trained optics pay, against the same chip with frozen ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.quantizer import PhaseQuantizer
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.training import SEED, training_study
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels, good
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Row, Sample
from photonzero.photonics.design import Activation, NetworkDesign, TTLayer

_ACTIVATIONS: Mapping[str, Activation] = {"helmholtz": "sin", "black-scholes": "tanh"}
"""Of the problems with two coordinates that it may be asked for."""


@dataclass(frozen=True)
class Options:
    """Settings of the study.

    Attributes:
        noise: preset of the chips, of which bits and noise of the detectors are replaced.
        n_steps: of a training.
        max_inferences: budget of a training.
    """

    noise: str = "published"
    n_steps: int = 24
    max_inferences: int = 1_000_000

    def __post_init__(self) -> None:
        """Check the values."""
        preset(self.noise)
        for name in ("n_steps", "max_inferences"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)}; allowed: >= 1")


def design_of(problem: str, features: int) -> NetworkDesign:
    """2-F-F-1 as `wave`: TT [F/8, 8] x [2, 1] and [F/8, 8] x [F/8, 8] of rank 2.

    Raises:
        UsageError: F not a multiple of 8, or below 16.
    """
    if features % 8 or features < 16:
        raise UsageError(f"features: {features}; allowed: multiples of 8 from 16 on")
    modes, activation = (features // 8, 8), _ACTIVATIONS[problem]
    return NetworkDesign(
        f"frozen-{features}-{activation}",
        f"2-{features}-{features}-1, {activation}, gain 2",
        (
            TTLayer(modes, (2, 1), (1, 2, 1), activation, gain=2.0),
            TTLayer(modes, modes, (1, 2, 1), activation),
        ),
    )


def noise_of(name: str, setting: Mapping[str, Any]) -> NoiseModel:
    """A preset with the setting's DACs and detectors."""
    detectors = ReadoutNoise(setting["noise"])
    return replace(preset(name), phase_quantizer=PhaseQuantizer(setting["bits"]), readout_noise=detectors)


def config_of(sample: Sample) -> RunConfig:
    """A training of all, or of the readout alone."""
    setting, options = sample.setting, sample.options
    return configured(
        setting["problem"],
        chip=design_of(setting["problem"], setting["features"]),
        noise=noise_of(options.noise, setting),
        optimizer="layered-gauss-newton",
        seed=setting["seed"],
        max_inferences=options.max_inferences,
        settings={
            "optimizer.n_steps": options.n_steps,
            "frozen": ["layer*"] if setting["optics"] == "frozen" else [],
        },
    )


def gains(rows: Sequence[Row]) -> list[Row]:
    """Rows of trained optics with "gain": the error of the same chip with frozen ones over theirs."""

    def place(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in ("problem", "features", "bits", "noise", "seed"))

    ended = good(rows, "error")
    frozen = {place(row): row["error"] for row in ended if row["optics"] == "frozen"}
    trained = [row for row in ended if row["optics"] == "trained" and place(row) in frozen]
    return [{**row, "gain": frozen[place(row)] / row["error"]} for row in trained]


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """What training the optics gains, and the errors behind it, against the first axis that is varied."""
    x, *others = [name for name in ("features", "bits", "noise") if len(plan.grid[name]) > 1] or ["features"]
    ratios, drawings = gains(rows), []
    ends = (min(plan.grid[x]), max(plan.grid[x]))
    for name, shown, panel, caption in (
        (
            "frozen",
            ratios,
            Panel(
                x,
                "gain",
                tuple(others),
                y_label="error with frozen optics, over that with trained ones",
                y_log=True,
                references=(("no gain", ends, (1.0, 1.0)),),
            ),
            "What training the optics gains: the error of a chip with frozen optics over that with trained "
            "ones.",
        ),
        (
            "frozen-errors",
            good(rows, "error"),
            Panel(x, "error", ("optics", *others), y_log=True),
            "Errors with trained optics, and with optics left where they start.",
        ),
    ):
        known = [p for p in plan.grid["problem"] if any(row["problem"] == p for row in shown)]
        if not known:
            continue
        panels = [replace(panel, title=problem, where={"problem": problem}) for problem in known]
        draw_panels(folder, name, plan.study, shown, panels, height_in=3.0)
        drawings.append(Drawing(name, f"{caption} {_HOW} {len(plan.grid['seed'])} seeds; {BAND_TEXT}."))
    return drawings


_HOW = (
    "Relative l2 errors of one noisy pass; behind frozen optics stands the best readout, priced for noise."
    " Networks 2-F-F-1 of tensor trains of rank 2."
)


STUDY = training_study(
    "frozen",
    "When do trained optics pay? Against frozen ones, over features, bits, noise and problems.",
    (
        Axis("problem", "problem", "text", choices=tuple(_ACTIVATIONS)),
        Axis("optics", "optics", "text", choices=("frozen", "trained")),
        Axis("features", "features", "int", 16, 4096),
        Axis("bits", "bits of the DACs", "int", 1, 24),
        Axis("noise", "noise of a detector [of full scale]"),
        SEED,
    ),
    config_of,
    draw=draw,
    options=Options,
    defaults={
        "problem": list(_ACTIVATIONS),
        "optics": ["frozen", "trained"],
        "features": [16, 32, 64],
        "bits": [4, 8],
        "noise": [0.0, 1e-3],
        "seed": [0, 1, 2],
    },
    quick={"problem": ["helmholtz"], "features": [16, 64], "noise": [1e-3], "seed": [0], "n_steps": 12},
)

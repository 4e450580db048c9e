"""Does a network survive deployment? Loaded onto imperfect or self-calibrated chips, or trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photonzero.devices.noise_model import preset
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.calibrate.load import load_network
from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.studies.networks import (
    MAX_SIGMA_PHASE_RAD,
    TaskOptions,
    error_label,
    error_of,
    network_name,
    sample_config,
    train,
    train_offline,
    with_phase_bias,
)
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.training.oracle import Array

PROBLEMS = ("hjb20", "digits")
METHODS = ("loaded", "noise-injected", "self-calibrated", "on-chip", "recovered")


@dataclass(frozen=True)
class Options(TaskOptions):
    """Settings of the study.

    Attributes:
        recovery_factor: the ideal accuracy is back at this multiple of the ideal network's validation error.
    """

    hjb20_inferences: int = 3_000_000
    digits_inferences: int = 100_000
    recovery_factor: float = 1.25

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if not self.recovery_factor >= 1.0:
            raise UsageError(f"recovery_factor: {self.recovery_factor}; allowed: >= 1")


def _networks(plan: Plan) -> dict[str, tuple[str, int, float]]:
    """Networks to train offline by name: problem, seed and injected sigma of each."""
    sigmas = plan.grid["sigma_phase_rad"] if "noise-injected" in plan.grid["method"] else ()
    return {
        network_name(problem, seed, sigma): (problem, seed, sigma)
        for seed in range(plan.seeds)
        for problem in plan.grid["problem"]
        for sigma in (0.0, *sigmas)
    }


def prepare(plan: Plan, name: str) -> Mapping[str, Array]:
    """Train one network offline, on an ideal chip or with injected noise."""
    return train_offline(plan, *_networks(plan)[name])


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """One network on one chip."""
    return [_measure(sample, prepared) for sample in samples]


def _measure(sample: Sample, prepared: Prepared) -> Row:
    setting, options = sample.setting, sample.options
    problem, method, sigma_rad = setting["problem"], setting["method"], setting["sigma_phase_rad"]
    config = sample_config(sample, problem, with_phase_bias(preset(options.noise), sigma_rad))
    ideal = prepared[network_name(problem, sample.seed)]
    row: Row = {
        "error": None,
        "ideal_error": float(ideal["error"]),
        "inferences": 0,
        "recovery_inferences": None,
    }
    if method == "on-chip":
        trained = train(config)
        return {**row, "error": trained.error, "inferences": trained.inferences}
    if method == "recovered":
        target = options.recovery_factor * float(ideal["validation_error"])
        trained = train(config, ideal["controls"], target)
        row |= {"error": trained.error, "inferences": trained.inferences}
        return {**row, "recovery_inferences": trained.inferences if trained.reached else None}
    if method == "self-calibrated":
        error, inferences = _self_calibrated(config, ideal["controls"], sample.seed)
        return {**row, "error": error, "inferences": inferences}
    injected_rad = sigma_rad if method == "noise-injected" else 0.0
    loaded = prepared[network_name(problem, sample.seed, injected_rad)]
    return {**row, "error": error_of(config, loaded["controls"])}


def _self_calibrated(config: RunConfig, controls: Array, seed: int) -> tuple[float, int]:
    """Error of a network that is loaded onto what a chip has told of itself, and what telling took."""
    found = calibrate(assemble(config, 1, controls).chip, seed=seed)
    if found.refused:
        number, reason = next(iter(found.refused.items()))
        raise UsageError(f"layer {number} of {config.chip_name} cannot calibrate itself: {reason}")
    return error_of(config, load_network(found.model, controls, seed)), found.inferences


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Error against sigma for each way; inferences of the recovery."""
    errors, recoveries = [], []
    for problem in plan.grid["problem"]:
        own = [row for row in rows if row["problem"] == problem]
        if not own:
            continue
        ends = [min(row["sigma_phase_rad"] for row in own), max(row["sigma_phase_rad"] for row in own)]
        ideal = own[0]["ideal_error"]
        errors.append(
            Panel(
                "sigma_phase_rad",
                "error",
                ("method",),
                title=problem,
                y_label=f"test error ({error_label(problem)})",
                y_log=True,
                references=(("ideal network, ideal chip", ends, [ideal, ideal]),),
                where={"problem": problem},
            )
        )
        if any(row["recovery_inferences"] is not None for row in own):
            recoveries.append(
                Panel(
                    "sigma_phase_rad", "recovery_inferences", title=problem,
                    where={"problem": problem, "method": "recovered"},
                )
            )  # fmt: skip
    draw_panels(folder, "deployment", plan.study, rows, errors, height_in=3.0)
    options = plan.options
    budgets = ", ".join(f"{options.inferences(p):,} inferences for {p}" for p in plan.grid["problem"])
    chips = f"{plan.chips} chips of the preset {options.noise} with a uniform phase bias; {BAND_TEXT}"
    drawings = [
        Drawing(
            "deployment",
            "Error on test points against the standard deviation of the unknown phase bias of every "
            "shifter. Loaded: trained offline on an ideal chip, then programmed. Noise-injected: the same, "
            "trained offline on many simulated chips with biases of that size. Self-calibrated: the loaded "
            "network on a chip that told its phases by readings of its layers. On-chip: trained on the "
            "imperfect chip from random controls, forward-only. Recovered: from the loaded network, trained "
            f"on the chip until the ideal accuracy was back. Budgets: {budgets}. {chips}.",
        )
    ]
    if recoveries:
        draw_panels(folder, "recovery", plan.study, rows, recoveries)
        drawings.append(
            Drawing(
                "recovery",
                "Optical inferences of training on the chip, started from the loaded network, until the "
                f"validation error was {options.recovery_factor:g} times the ideal network's or less; chips "
                f"that did not get there within the budget are left out. {chips}.",
            )
        )
    return drawings


STUDY = Study(
    name="deployment",
    summary="Networks loaded onto imperfect chips, known or unknown to themselves, or trained on them.",
    axes=(
        Axis("problem", "problem", "text", choices=PROBLEMS),
        Axis("method", "method", "text", choices=METHODS),
        Axis("sigma_phase_rad", "standard deviation of the phase bias [rad]", high=MAX_SIGMA_PHASE_RAD),
    ),
    defaults={
        "chips": 5,
        "problem": list(PROBLEMS),
        "method": list(METHODS),
        "sigma_phase_rad": [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0],
    },
    quick={
        "chips": 3,
        "sigma_phase_rad": [0.01, 0.05, 0.3],
        "hjb20_inferences": 1_100_000,
        "digits_inferences": 60_000,
    },
    measured=(
        Measured("error", "test error"),
        Measured("ideal_error", "test error on the ideal chip"),
        Measured("inferences", "optical inferences on the chip", "int"),
        Measured("recovery_inferences", "inferences until recovered", "int"),
    ),
    measure=measure,
    draw=draw,
    options=Options,
    preparations=lambda plan: tuple(_networks(plan)),
    prepare=prepare,
)

"""Networks as samples: train one, load one onto a chip, measure its error on the test points."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.config.noise import NoiseChoice
from photonzero.experiments.config.run_config import RunConfig, default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.studies.noise_injection import ManyChips
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Sample
from photonzero.experiments.tasks.registry import find_task
from photonzero.photonics.chip.chip import ReadoutChip, fabricate
from photonzero.photonics.design import NetworkDesign
from photonzero.training.oracle import Array
from photonzero.training.trainer import TrainingRun

MAX_SIGMA_PHASE_RAD = math.pi / math.sqrt(3.0)
"""Largest standard deviation of a phase bias: uniform over the circle."""

_CHIPS_INJECTED = 32
"""Simulated chips that training with injected noise spreads its inputs over."""


@dataclass(frozen=True)
class Trained:
    """What training ended with.

    Attributes:
        controls: (n_controls,).
        error: on the test points: relative l2, or the share of wrong answers.
        validation_error: after the last step, on the validation points.
        inferences: optical inferences of training.
        reached: whether the target error was reached.
    """

    controls: Array
    error: float
    validation_error: float
    inferences: int
    reached: bool

    def to_arrays(self) -> dict[str, Array]:
        """As a file keeps it."""
        return {
            "controls": self.controls,
            "error": np.array(self.error),
            "validation_error": np.array(self.validation_error),
            "inferences": np.array(self.inferences),
        }


def with_phase_bias(noise: NoiseModel, sigma_phase_rad: float) -> NoiseModel:
    """The same chip with an unknown phase bias of that standard deviation on every shifter, uniform."""
    bias_max_rad = min(math.sqrt(3.0) * sigma_phase_rad, math.pi)
    return replace(noise, phase_shifter=replace(noise.phase_shifter, bias_max_rad=bias_max_rad))


def task_config(
    problem: str,
    noise: NoiseModel,
    *,
    seed: int,
    chip_seed: int,
    inferences: int,
    design: NetworkDesign | None = None,
) -> RunConfig:
    """A run of a problem with its preset, but for noise, seeds and budget.

    Args:
        problem: name.
        noise: imperfections of the chip.
        seed: of training.
        chip_seed: of fabrication.
        inferences: budget.
        design: of the chip; None keeps the preset's.
    """
    table = default_table(problem, "gauss-newton", None, "ideal")
    table |= {"seed": seed, "chip_seed": chip_seed}
    table["limits"]["max_inferences"] = inferences
    return replace(resolve(table), noise=NoiseChoice("study", noise), design=design)


def train(config: RunConfig, start: Array | None = None, target_error: float | None = None) -> Trained:
    """Train on one thread: a study's workers share the processors.

    Args:
        config: the run.
        start: controls to start from; None draws them.
        target_error: validation error to stop at.
    """
    parts = assemble(config, 1, start)
    limits = replace(config.limits, target_error=target_error)
    run = TrainingRun(parts.chip, parts.objective, parts.optimizer, limits)
    reasons = run.train()
    return _ended(run, "target_error" in reasons)


def train_with_noise(config: RunConfig, sigma_phase_rad: float) -> Trained:
    """Train offline with injected noise: every input meets one of many chips with phase biases.

    Args:
        config: the run, on an ideal chip.
        sigma_phase_rad: standard deviation of the biases.
    """
    parts = assemble(config, 1)
    noise = with_phase_bias(config.noise.model, sigma_phase_rad)
    # Chips of their own: those of the study must stay unseen.
    seeds = np.random.SeedSequence([config.seed, _CHIPS_INJECTED]).generate_state(_CHIPS_INJECTED)
    chips = [fabricate(config.network(), noise, int(seed), dtype=config.dtype, threads=1) for seed in seeds]
    many = ManyChips([chip for chip in chips if isinstance(chip, ReadoutChip)])
    run = TrainingRun(many, parts.objective, parts.optimizer, config.limits)
    run.train()
    return _ended(run, False)


def _ended(run: TrainingRun, reached: bool) -> Trained:
    validation_error = run.history[-1][3] if run.history else math.nan
    return Trained(run.optimizer.controls, run.test_error(), validation_error, run.inferences, reached)


def error_of(config: RunConfig, controls: Array) -> float:
    """Error on the test points of controls loaded onto a chip."""
    parts = assemble(config, 1, controls)
    return TrainingRun(parts.chip, parts.objective, parts.optimizer, config.limits).test_error()


@dataclass(frozen=True)
class TaskOptions:
    """Settings of a study whose samples are networks.

    Attributes:
        noise: preset of what the chips have besides what the study varies.
        hjb20_inferences: budget of a training of HJB-20.
        digits_inferences: budget of a training of the digits.
    """

    noise: str = "ideal"
    hjb20_inferences: int = 1_100_000
    digits_inferences: int = 60_000

    def __post_init__(self) -> None:
        preset(self.noise)
        for name in ("hjb20_inferences", "digits_inferences"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: {getattr(self, name)}; allowed: >= 1")

    def inferences(self, problem: str) -> int:
        """Budget of a problem."""
        return {"hjb20": self.hjb20_inferences, "digits": self.digits_inferences}[problem]


def network_name(problem: str, seed: int, sigma_phase_rad: float = 0.0) -> str:
    """Name of a network trained offline, on an ideal chip or with noise injected."""
    injected = f"-noise-{sigma_phase_rad:g}" if sigma_phase_rad > 0 else ""
    return f"{problem}{injected}-{seed}"


def train_offline(plan: Plan, problem: str, seed: int, sigma_phase_rad: float = 0.0) -> dict[str, Array]:
    """A network trained on an ideal chip, or with injected noise, as arrays to keep."""
    config = task_config(
        problem,
        preset("ideal"),
        seed=plan.root_seed + seed,
        chip_seed=0,
        inferences=plan.options.inferences(problem),
    )
    trained = train_with_noise(config, sigma_phase_rad) if sigma_phase_rad > 0 else train(config)
    return trained.to_arrays()


def ideal_networks(plan: Plan) -> tuple[str, ...]:
    """Names of the networks of a study that are trained on an ideal chip."""
    problems = plan.grid.get("problem", ("digits",))
    return tuple(network_name(problem, seed) for problem in problems for seed in range(plan.seeds))


def prepare_ideal(plan: Plan, name: str) -> dict[str, Array]:
    """Train one of `ideal_networks`."""
    problem, _, seed = name.rpartition("-")
    return train_offline(plan, problem, int(seed))


def sample_config(sample: Sample, problem: str, noise: NoiseModel) -> RunConfig:
    """Training on the chip of a sample, with a seed of its own."""
    return task_config(
        problem,
        noise,
        seed=int(sample.rng().integers(2**31)),
        chip_seed=sample.chip_seed,
        inferences=sample.options.inferences(problem),
    )


def error_label(problem: str) -> str:
    """What the error of a problem is, for axes."""
    return find_task(problem).error_label

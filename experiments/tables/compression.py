"""Tensor trains against dense layers: variance of a gradient estimate, and error at equal inferences.

The source paper's claim is that tensor compression makes forward-only training possible because fewer
controls mean less variance [zhao2023tonn]. Here both networks have the same widths, inputs and activation,
each with the step size that suits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import train
from photonzero.experiments.studies.training import SEED, row_of
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Prepared, Row, Sample
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    grouped,
    learning_curves,
    spread,
    terminal_table,
)
from photonzero.experiments.tables.gradient_variance import measured_variance
from photonzero.experiments.tables.tuned import errors_of_values
from photonzero.photonics.designs import get_design
from photonzero.photonics.networks.twins import dense_twin
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.oracle import Array

_LEARNING_RATES = (0.003, 0.01, 0.03)
_BEYOND = 3
"""Further rates that are tried where the best one is the first or the last."""

_TUNING_SEED = 100
"""Learning rates are chosen on it; the table never uses it."""

_PERTURBATION = 1e-4
"""Of each control, in units of its group's scale: small enough for the loss to be linear."""


@dataclass(frozen=True)
class _Task:
    """Name of the tensor-train family, widths of the dense layers, collocation points or samples."""

    family: str
    widths: tuple[int, ...]
    batch_size: int


_TASKS: Mapping[str, _Task] = MappingProxyType(
    {
        "black-scholes": _Task("black-scholes", (2, 128, 128), 100),
        "digits": _Task("digits", (64, 128), 300),
    }
)

_AXES = (
    Axis("problem", "problem", "text", choices=tuple(_TASKS)),
    Axis("domain", "domain", "text", choices=("phase", "weight")),
    Axis("network", "network", "text", choices=("tensor train", "dense")),
    SEED,
)


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        max_inferences: budget of a run.
        estimates: gradient estimates for their variance.
    """

    max_inferences: int = 1_000_000
    estimates: int = 40


def _config(setting: Mapping[str, str], options: Options, seed: int, noise: str = "published") -> RunConfig:
    task = _TASKS[setting["problem"]]
    config = configured(
        setting["problem"],
        chip=f"{'tonn' if setting['domain'] == 'phase' else 'tt'}-{task.family}",
        noise=noise,
        optimizer="rge-adam",
        seed=seed,
        batch_size=task.batch_size,
        settings={"limits": {"max_inferences": options.max_inferences}},
    )
    if setting["network"] == "tensor train":
        return config
    design = dense_twin(get_design(config.chip), task.widths)
    return replace(config, chip=design.name, design=design)


def _with_rate(config: RunConfig, rate: float) -> RunConfig:
    options = replace(config.optimizer.options, learning_rate=rate)
    return replace(config, optimizer=replace(config.optimizer, options=options))


def config_of(sample: Sample) -> RunConfig:
    """The run of a sample but for its learning rate, which follows from all else."""
    return _config(sample.setting, sample.options, sample.setting["seed"])


def gradient_spread(config: RunConfig, n_directions: int, n_estimates: int) -> tuple[int, float, float]:
    """Number n of controls, ``(n - 1) / K`` and the measured variance of an estimate at the start of a run.

    Args:
        config: the run, without noise and in float64.
        n_directions: antithetic Rademacher pairs K.
        n_estimates: independent estimates on one batch.
    """
    parts = assemble(config, 1)
    x = parts.initial_controls
    sizes = _PERTURBATION * control_scales(parts.chip.control_groups, x.size)

    def losses_of(offsets: Array) -> Array:
        return parts.objective.evaluate(parts.chip, x + sizes * offsets).losses

    rng = np.random.default_rng([config.seed, 1])
    variance, _ = measured_variance(losses_of, x.size, n_directions, n_estimates, rng)
    return x.size, (x.size - 1) / n_directions, variance


def _names(plan: Plan) -> tuple[str, ...]:
    grid = plan.grid
    return tuple(
        f"{problem}-{domain}-{network}".replace(" ", "_")
        for problem in grid["problem"]
        for domain in grid["domain"]
        for network in grid["network"]
    )


def prepare(plan: Plan, name: str) -> dict[str, Array]:
    """The learning rate of a network with the lowest validation error, and the variance of its gradients."""
    problem, domain, network = name.replace("_", " ").rsplit("-", 2)
    setting, options = {"problem": problem, "domain": domain, "network": network}, plan.options
    tuned = errors_of_values(
        lambda rate, seed: _with_rate(_config(setting, options, seed), rate),
        _LEARNING_RATES,
        (_TUNING_SEED,),
        _BEYOND,
    )
    ideal = replace(_config(setting, options, 0, "ideal"), dtype="float64")
    n_controls, law, measured = gradient_spread(
        ideal, ideal.optimizer.options.n_directions, options.estimates
    )
    found = {"n_controls": n_controls, "law": law, "measured": measured}
    found["learning_rate"] = min(tuned, key=tuned.__getitem__)
    return {key: np.array(value) for key, value in found.items()}


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """Train with the learning rate that was chosen."""
    rows = []
    for sample in samples:
        keys = [sample.setting[key] for key in ("problem", "domain", "network")]
        found = prepared["-".join(keys).replace(" ", "_")]
        config = _with_rate(config_of(sample), float(found["learning_rate"]))
        row = row_of(train(assemble(config, 1), checkpoint=sample.scratch))
        rows.append({**row, KEPT: {**row[KEPT], **found}})
    return rows


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of compression.csv."""
    row = one.row
    return {
        **{key: row[key] for key in ("problem", "network", "domain")},
        **{key: one.kept[key].item() for key in ("n_controls", "law", "measured", "learning_rate")},
        **{key: row[key] for key in ("seed", "inferences", "error")},
    }


def printed(lines: list[Line]) -> Table:
    """Medians over seeds."""
    header = ("problem", "network", "domain", "controls", "law", "measured", "error", "lowest", "highest")
    rows = []
    for key, own in grouped(lines, "problem", "network", "domain").items():
        first = own[0]
        numbers = (f"{first['n_controls']:,}", f"{first['law']:.3g}", f"{first['measured']:.3g}")
        rows.append([*key, *numbers, *spread(own, "error", ".2g")])
    return terminal_table(header, rows)


def _label(row: Row) -> str:
    return f"{row['network']}, {row['domain']} domain, {row['n_controls']:,} controls"


STUDY = comparison(
    "compression",
    "Tensor trains against dense layers, trained by random directions and Adam.",
    _AXES,
    config_of,
    line_of=line_of,
    printed=printed,
    figure=learning_curves(_label, by_problem=True, loc="lower left", fontsize=6),
    measure=measure,
    preparations=_names,
    prepare=prepare,
    options=Options,
    defaults={**{axis.name: list(axis.choices) for axis in _AXES[:-1]}, "seed": [0, 1, 2]},
    quick={"problem": ["black-scholes"], "seed": [0], "max_inferences": 100_000},
)

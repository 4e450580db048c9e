"""Every way to train on the same chips, in the same currency: error against optical inferences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.drawing.curves import inferences_to
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.training import SEED
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Sample
from photonzero.experiments.sweep.table import StudyTable
from photonzero.experiments.sweep.work import FAILURE
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    grouped,
    learning_curves,
    median,
    spread,
    terminal_table,
)
from photonzero.experiments.tables.tuned import read_data, tuning_study
from photonzero.training.checkpoint import write_atomically

THRESHOLDS = (5e-2, 1e-2, 2e-3)
"""Validation errors whose first inferences are tabulated."""

_POINTS = 100
"""Collocation points of a loss, as published. What takes many residuals takes its preset's."""

_CHOSEN = "tuned.json"


@dataclass(frozen=True)
class Method:
    """A way to train, as optimizers.toml has it.

    Attributes:
        optimizer: its name.
        label: in table and figure.
        name: on the command line; empty for its optimizer's.
        points: "own" for the batch of the problem's preset.
        key: the setting that is tuned, None for one that is used as it is.
        also: settings that take the same value.
        values: that it is tried with, increasing; tuning goes on beyond them while the best one is the last.
        settings: changes to the run's configuration.
    """

    optimizer: str
    label: str
    name: str = ""
    points: Literal["published", "own"] = "published"
    key: str | None = None
    also: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


METHODS = {
    method.name or method.optimizer: method
    for method in (Method(**values) for values in read_data("optimizers")["methods"])
}
TUNED: Mapping[str, Mapping[str, Mapping[str, float]]] = read_data("optimizers")["tuned"]
"""Step sizes by noise, problem and method."""


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        noise: preset or file.
        max_inferences: budget of a run.
        tuned: step sizes by problem and method, in place of those of optimizers.toml.
    """

    noise: str = "published"
    max_inferences: int = 3_000_000
    tuned: dict[str, dict[str, float]] = field(default_factory=dict)


def config_with(sample: Sample, value: float | None, seed: int) -> RunConfig:
    """The run of a method with a value of its key."""
    method = METHODS[sample.setting["method"]]
    settings = dict(method.settings)
    if method.points == "published":
        settings["batch_size"] = _POINTS
    if method.key is not None and value is not None:
        settings |= {f"optimizer.{key}": value for key in (method.key, *method.also)}
    return configured(
        sample.setting["problem"],
        optimizer=method.optimizer,
        noise=sample.options.noise,
        max_inferences=sample.options.max_inferences,
        seed=seed,
        settings=settings,
    )


def step_size(options: Options, problem: str, optimizer: str) -> float | None:
    """The tuned value of a method's key, None where nothing is tuned.

    Raises:
        UsageError: never chosen for that problem with that noise.
    """
    known = options.tuned.get(problem) or TUNED.get(options.noise, {}).get(problem)
    if known is None:
        allowed = ", ".join(f"{p} with {n}" for n, problems in TUNED.items() for p in problems)
        raise UsageError(
            f"step sizes: none for {problem} with {options.noise}; allowed: {allowed}, or --tune first"
        )
    return known.get(optimizer)


def config_of(sample: Sample) -> RunConfig:
    """The run of a method with its tuned value."""
    value = step_size(sample.options, sample.setting["problem"], sample.setting["method"])
    return config_with(sample, value, sample.setting["seed"])


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of optimizers.csv."""
    row = one.row
    return {
        "problem": row["problem"],
        "noise": plan.options.noise,
        "method": METHODS[row["method"]].label,
        "step": step_size(plan.options, row["problem"], row["method"]),
        **{key: row[key] for key in ("seed", "inferences", "steps")},
        "rel_l2": row["error"],
        "zero": float(one.kept["zero"]),
        "wall_s": one.wall_s,
        **{f"to_{threshold:g}": inferences_to(one.history, threshold) for threshold in THRESHOLDS},
    }


def printed(lines: list[Line]) -> Table:
    """Medians over seeds."""
    header = ("problem", "method", *(f"to {t:g}" for t in THRESHOLDS), "rel_l2", "lowest", "highest")
    rows = []
    for key, own in grouped(lines, "problem", "method").items():
        reached = [median(own, f"to_{threshold:g}") for threshold in THRESHOLDS]
        cells = [f"{value:.1e}" if np.isfinite(value) else "-" for value in reached]
        rows.append([*key, *cells, *spread(own, "rel_l2", ".1e")])
    for (problem,), own in grouped(lines, "problem").items():
        rows.append([problem, "the network at zero", *["-"] * len(THRESHOLDS), *spread(own, "zero", ".1e")])
    return terminal_table(header, rows)


_WITH_STYLES: Mapping[str, Mapping[str, Any]] = {
    "layered-gauss-newton": {"color": "C0", "linewidth": 2.2},
    # It takes one step: a point.
    "frozen": {"color": "black", "marker": "D", "markersize": 5, "markevery": [0]},
    "gauss-newton": {"color": "C1", "linewidth": 2.2},
}
_COLORS = ("C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9")
"""Of the other methods, one each."""

_STYLES = {METHODS[name].label: style for name, style in _WITH_STYLES.items()} | {
    METHODS[name].label: {"color": color, "linewidth": 1.1}
    for name, color in zip([name for name in METHODS if name not in _WITH_STYLES], _COLORS, strict=True)
}

_PROBLEM = Axis("problem", "problem", "text")
_METHOD = Axis("method", "method", "text", choices=tuple(METHODS))
_PROBLEMS = ["hjb20", "black-scholes"]

STUDY = comparison(
    "optimizers",
    "Every optimizer at equal inferences, with tuned step sizes.",
    (_PROBLEM, _METHOD, SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    figure=learning_curves(
        lambda row: METHODS[row["method"]].label,
        by_problem=True,
        styles=_STYLES,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
    ),
    options=Options,
    defaults={"problem": _PROBLEMS, "method": list(METHODS), "seed": [0, 1, 2, 3, 4]},
    quick={"problem": ["black-scholes"], "seed": [0], "max_inferences": 200_000},
)

_TUNED_METHODS = [name for name, method in METHODS.items() if method.key is not None]

TUNING = tuning_study(
    "tables-optimizers-tuning",
    "The step size of every optimizer with the lowest validation error, on seeds of its own.",
    (_PROBLEM, _METHOD),
    config_with,
    lambda sample: METHODS[sample.setting["method"]].values,
    seeds=(100, 101),
    beyond=3,
    options=Options,
    defaults={"problem": _PROBLEMS, "method": _TUNED_METHODS},
    quick={"problem": ["black-scholes"], "max_inferences": 200_000},
)


def chosen_in(out: Path, noise: str) -> dict[str, dict[str, float]]:
    """What was tuned in a folder for a noise, by problem and method."""
    return _known_choices(out / _CHOSEN).get(noise, {})


def _known_choices(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise UsageError(f"{path}: damaged ({error}); allowed: tune again, into another --out") from error


def keep_choice(out: Path, noise: str, table: StudyTable) -> dict[str, dict[str, float]]:
    """Write what a tuning chose to tuned.json, where the comparison looks first.

    Returns:
        Values by problem and method.

    Raises:
        UsageError: a method that could not be tuned.
    """
    chosen: dict[str, dict[str, float]] = {}
    for row in table.rows():
        if row["value"] is None:
            raise UsageError(f"tuning of {row['method']} on {row['problem']}: {row[FAILURE]}")
        chosen.setdefault(row["problem"], {})[row["method"]] = row["value"]
    path = out / _CHOSEN
    known = _known_choices(path)
    known[noise] = {**known.get(noise, {}), **chosen}
    text = json.dumps(known, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
    return chosen

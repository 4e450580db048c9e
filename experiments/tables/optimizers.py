"""Every way to train on the same chips, in the same currency: error against optical inferences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.drawing.style import figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.runs import HISTORY
from photonzero.experiments.tables.hjb20 import finished_run
from photonzero.training.errors import MeasurementError
from photonzero.training.oracle import Array

THRESHOLDS = (5e-2, 1e-2, 2e-3)
"""Validation errors whose first inferences are tabulated."""

_TUNING_SEEDS = (100, 101)
"""Seeds that step sizes are chosen on; the table never uses them."""

_POINTS = 100
"""Collocation points of a loss, as published. Gauss-Newton takes its preset's: it needs many residuals."""

_PATIENCE = 4
"""Steps without progress after which the hybrid turns to coordinates: a run has a dozen on HJB-20."""


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        optimizer: its name.
        label: in table and figure.
        key: the setting that is tuned, None for one that is used as it is.
        values: that it is tried with, increasing; tuning goes on beyond them while the best one is the last.
    """

    optimizer: str
    label: str
    key: str | None = None
    values: tuple[float, ...] = ()


METHODS = (
    Method("gauss-newton", "forward-only Gauss-Newton"),
    Method("rge-adam", "random directions + Adam", "learning_rate", (0.003, 0.01, 0.03, 0.1)),
    Method("coordinate", "coordinate-wise, signs", "learning_rate", (0.03, 0.1, 0.3, 1.0)),
    Method("hybrid", "hybrid + Adam", "learning_rate", (0.003, 0.01, 0.03, 0.1)),
    Method("sign-sgd", "ZO-signSGD", "learning_rate", (0.003, 0.01, 0.03, 0.1, 0.3)),
    Method("flops", "FLOPS", "learning_rate", (1e-4, 1e-3, 1e-2, 1e-1)),
    Method("sparse-coordinate", "sparse coordinate descent", "step_phase_rad", (0.03, 0.1, 0.3, 1.0)),
    Method("spsa", "SPSA", "learning_rate", (1e-4, 1e-3, 1e-2, 1e-1)),
    Method("cma-es", "CMA-ES, diagonal", "sigma", (0.05, 0.1, 0.2, 0.4)),
)

_BEYOND = 3
"""Values that are tried at most beyond either end of a method's own."""

TUNED: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "published": {
            "hjb20": {
                "rge-adam": 0.03,
                "coordinate": 1.0,
                "hybrid": 0.03,
                "sign-sgd": 0.3,
                "flops": 0.01,
                "sparse-coordinate": 0.3,
                "spsa": 0.001,
                "cma-es": 0.2,
            },
            "black-scholes": {
                "rge-adam": 0.01,
                "coordinate": 0.03,
                "hybrid": 0.1,
                "sign-sgd": 0.01,
                "flops": 0.001,
                "sparse-coordinate": 0.1,
                "spsa": 0.001,
                "cma-es": 0.1,
            },
        },
        "published-detector": {
            "hjb20": {
                "rge-adam": 0.03,
                "coordinate": 0.01,
                "hybrid": 0.03,
                "sign-sgd": 0.3,
                "flops": 0.001,
                "sparse-coordinate": 1.0,
                "spsa": 0.001,
                "cma-es": 0.8,
            },
            "black-scholes": {
                "rge-adam": 0.01,
                "coordinate": 0.03,
                "hybrid": 0.03,
                "sign-sgd": 0.01,
                "flops": 0.001,
                "sparse-coordinate": 0.03,
                "spsa": 0.001,
                "cma-es": 0.05,
            },
        },
    }
)
"""By noise and problem, what `photonzero tables optimizers --tune --max-inferences 1000000` chose."""

_CHOSEN = "tuned.json"


def _run_table(problem: str, method: Method, noise: str, seed: int, budget: int, value: float | None) -> Any:
    """The configuration of one run, as a nested dictionary."""
    table = default_table(problem, method.optimizer, None, noise)
    table["seed"] = seed
    table["limits"]["max_inferences"] = budget
    if method.optimizer != "gauss-newton":
        table["batch_size"] = _POINTS
    if method.optimizer == "hybrid":
        table["optimizer"]["patience"] = _PATIENCE
    if method.key is not None and value is not None:
        table["optimizer"][method.key] = value
        if method.key == "step_phase_rad":
            table["optimizer"]["step_digital"] = value
    return table


def tune(out: Path, problems: tuple[str, ...], noise: str, budget: int, quiet: bool) -> dict[str, Any]:
    """The value of each method's step size with the lowest median validation error at the end.

    Written to `tuned.json` in the folder, where `compare_optimizers` looks first.

    Args:
        out: folder; runs are in its subfolder `tuning`.
        problems: names.
        noise: preset or file.
        budget: inferences of a run.
        quiet: print nothing.

    Returns:
        Values by problem and method.
    """
    chosen: dict[str, dict[str, float]] = {}
    for problem in problems:
        for method in METHODS:
            if method.key is None:
                continue

            def error(value: float, problem: str = problem, method: Method = method) -> float:
                folder = out / "tuning" / f"{problem}-{method.optimizer}-{value:g}"
                tables = [_run_table(problem, method, noise, s, budget, value) for s in _TUNING_SEEDS]
                return float(np.median([_last_error(table, folder, quiet) for table in tables]))

            errors = search(error, method.values, _BEYOND)
            chosen.setdefault(problem, {})[method.optimizer] = min(errors, key=errors.__getitem__)
            if not quiet:
                print(problem, method.optimizer, errors, flush=True)
    known = _chosen_in(out)
    known[noise] = {**known.get(noise, {}), **chosen}
    (out / _CHOSEN).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return chosen


def search(error: Callable[[float], float], values: Sequence[float], beyond: int) -> dict[float, float]:
    """Errors by value: of all `values`, and of further ones while the best is the first or the last.

    Args:
        error: of a value.
        values: increasing; the further ones continue the ratios of neighbours, which alternate in 1, 3, 10.
        beyond: how many further ones are tried at either end.
    """
    tried = list(values)
    errors = {value: error(value) for value in tried}
    left = {0: beyond, -1: beyond}
    while True:
        best = min(tried, key=errors.__getitem__)
        end = 0 if best == tried[0] else -1
        if best != tried[end] or not left[end] or not np.isfinite(errors[best]):
            return errors
        left[end] -= 1
        first, second, third = tried[:3] if end == 0 else tried[:-4:-1]
        value = float(f"{first * second / third:.6g}")
        tried.insert(0 if end == 0 else len(tried), value)
        errors[value] = error(value)


def _last_error(table: dict[str, Any], folder: Path, quiet: bool) -> float:
    """Validation error at the end of a run; infinity for one that did not get there."""
    own = folder / str(table["seed"])
    try:
        finished_run(resolve(table), own, quiet)
    except MeasurementError:
        # So large a step that the controls left the range of numbers: it is not chosen.
        return np.inf
    last = float(read_history(own)[-1, 3])
    return last if np.isfinite(last) else np.inf


def _chosen_in(out: Path) -> dict[str, Any]:
    """What was tuned in a folder, by noise, problem and method."""
    path = out / _CHOSEN
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def step_sizes(out: Path, problem: str, noise: str) -> Mapping[str, float]:
    """Tuned values by method, from the folder or from `TUNED`.

    Raises:
        UsageError: never chosen for that problem with that noise.
    """
    for known in (_chosen_in(out), TUNED):
        if problem in known.get(noise, {}):
            return known[noise][problem]
    allowed = ", ".join(f"{p} with {n}" for n, problems in TUNED.items() for p in problems)
    raise UsageError(f"step sizes: none for {problem} with {noise}; allowed: {allowed}, or --tune first")


def read_history(folder: Path) -> Array:
    """Rows of history.csv: step, inferences, loss, validation error, wall time."""
    return np.genfromtxt(folder / HISTORY, delimiter=",", skip_header=1).reshape(-1, 5)


def inferences_to(history: Array, error: float) -> float:
    """Inferences after which the validation error was first at most `error`; infinity if never."""
    reached = np.flatnonzero(history[:, 3] <= error)
    return float(history[reached[0], 1]) if reached.size else np.inf


def compare_optimizers(
    out: Path, problems: tuple[str, ...], n_seeds: int, noise: str, budget: int, quiet: bool
) -> None:
    """Train with every method: optimizers.csv, optimizers.png and a table on stdout.

    Args:
        out: folder; finished runs in it are not repeated.
        problems: names.
        n_seeds: seeds 0 to n - 1, of chip and training.
        noise: preset or file.
        budget: inferences of a run.
        quiet: print nothing.

    Raises:
        UsageError: step sizes were never chosen for a problem and this noise, or a folder with another run.
    """
    tuned = {problem: step_sizes(out, problem, noise) for problem in problems}
    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, list[Array]]] = {}
    for problem in problems:
        for method in METHODS:
            value = tuned[problem].get(method.optimizer)
            for seed in range(n_seeds):
                folder = out / f"{problem}-{method.optimizer}-{seed}"
                table = _run_table(problem, method, noise, seed, budget, value)
                result = finished_run(resolve(table), folder, quiet)
                history = read_history(folder)
                curves.setdefault(problem, {}).setdefault(method.label, []).append(history)
                reached = {f"to_{t:g}": inferences_to(history, t) for t in THRESHOLDS}
                kept = {key: result[key] for key in ("seed", "inferences", "steps", "rel_l2", "wall_s")}
                rows.append(
                    {
                        "problem": problem,
                        "noise": noise,
                        "method": method.label,
                        "step": value,
                        **kept,
                        **reached,
                    }
                )
    write_csv(out / "optimizers.csv", list(rows[0]), rows)
    _draw(out / "optimizers.png", curves, noise)
    if not quiet:
        _print_summary(rows, out)


def _draw(path: Path, curves: dict[str, dict[str, list[Array]]], noise: str) -> None:
    """A panel a problem: median and range of every method; a run that diverged keeps its last error."""
    with figure(path, 4.2 * len(curves), 3.6) as drawn:
        panels = drawn.subplots(1, len(curves), squeeze=False)[0]
        for axes, (problem, methods) in zip(panels, curves.items(), strict=True):
            highest = 0.0
            for k, (label, histories) in enumerate(methods.items()):
                first = max(history[0, 1] for history in histories)
                last = max(history[-1, 1] for history in histories)
                grid = np.geomspace(first, max(last, first * 1.01), 60)
                errors = np.stack([error_after(history, grid) for history in histories])
                color = f"C{k}"
                low, high = errors.min(axis=0), errors.max(axis=0)
                axes.fill_between(grid, low, high, color=color, alpha=0.15, linewidth=0)
                width = 2.2 if k == 0 else 1.1
                median = np.median(errors, axis=0)
                axes.plot(grid, median, color=color, linewidth=width, label=label)
                highest = max(highest, float(median.max()))
            axes.set_xscale("log")
            axes.set_yscale("log")
            # One run that diverged must not press all others together.
            axes.set_ylim(top=3.0 * highest)
            axes.set_xlabel("optical inferences of training")
            axes.set_title(problem)
        n_seeds = len(next(iter(next(iter(curves.values())).values())))
        drawn.suptitle(f"{noise} noise; median and range of {n_seeds} seeds", fontsize=9)
        panels[0].set_ylabel("validation error (relative l2)")
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)


def error_after(history: Array, grid: Array) -> Array:
    """Validation error after so many inferences: that of the last step completed by then."""
    index = np.searchsorted(history[:, 1], grid * (1 + 1e-9), side="right") - 1
    return history[np.maximum(index, 0), 3]


def _print_summary(rows: list[dict[str, Any]], out: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("problem", "method", *(f"to {t:g}" for t in THRESHOLDS), "rel_l2", "lowest", "highest"):
        table.add_column(column)
    for problem, label in dict.fromkeys((row["problem"], row["method"]) for row in rows):
        own = [row for row in rows if (row["problem"], row["method"]) == (problem, label)]
        reached = [float(np.median([row[f"to_{t:g}"] for row in own])) for t in THRESHOLDS]
        errors = np.array([row["rel_l2"] for row in own])
        cells = [f"{value:.1e}" if np.isfinite(value) else "-" for value in reached]
        cells += [f"{value:.1e}" for value in (np.median(errors), errors.min(), errors.max())]
        table.add_row(problem, label, *cells)
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"medians over seeds; every run, optimizers.csv and optimizers.png are in {out}",
        markup=False,
        soft_wrap=True,
    )

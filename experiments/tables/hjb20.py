"""Methods on the same axes: error against optical inferences, several seeds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from photonzero.experiments.commands.display import TrainingDisplay
from photonzero.experiments.config.run_config import RunConfig, default_table, resolve
from photonzero.experiments.drawing.style import BLUE, ORANGE, figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.runs import (
    CONFIG,
    HISTORY,
    RESULT,
    assemble,
    execute,
    load_config,
)
from photonzero.training.oracle import Array


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        label: in table and figure.
        optimizer: its name.
        derivatives: its stencil rule.
        color: in the figure.
        max_inferences: budget; None takes the one that the user gives.
    """

    label: str
    optimizer: str
    derivatives: str
    color: str
    max_inferences: int | None


HJB20_METHODS = (
    Method("forward-only Gauss-Newton", "gauss-newton", "central", BLUE, 3_000_000),
    Method("published way: random gradient + Adam, sparse grid", "rge-adam", "sparse-grid", ORANGE, None),
)

COLUMNS: tuple[str, ...] = ("method", "seed", "inferences", "steps", "rel_l2", "wall_s")


def compare_hjb20(out: Path, n_seeds: int, max_inferences: int, quiet: bool) -> None:
    """HJB-20 on `tonn-hjb20` with `published` noise: table.csv, error.png and a summary on stdout.

    Args:
        out: folder; a run in it that is finished is not repeated, one that was interrupted continues.
        n_seeds: seeds 0 to n - 1, of chip and training.
        max_inferences: budget of the published way.
        quiet: print nothing.

    Raises:
        UsageError: a folder there holds another run.
    """
    rows: list[dict[str, Any]] = []
    curves: dict[str, list[Array]] = {}
    for method in HJB20_METHODS:
        for seed in range(n_seeds):
            table = default_table("hjb20", method.optimizer, method.derivatives, "published")
            table["seed"] = seed
            table["limits"]["max_inferences"] = method.max_inferences or max_inferences
            folder = out / f"{method.optimizer}-{seed}"
            result = finished_run(resolve(table), folder, quiet)
            rows.append({"method": method.label, **{key: result[key] for key in COLUMNS[1:]}})
            history = np.genfromtxt(folder / HISTORY, delimiter=",", skip_header=1).reshape(-1, 5)
            curves.setdefault(method.label, []).append(history)
    write_csv(out / "table.csv", COLUMNS, rows)
    _draw(out / "error.png", curves)
    if not quiet:
        _print_summary(rows, out)


def finished_run(config: RunConfig, folder: Path, quiet: bool) -> dict[str, Any]:
    """Result of a run, from its folder if it is there."""
    exists = (folder / CONFIG).exists()
    if exists:
        found = load_config(folder)
        if found.fingerprint() != config.fingerprint():
            raise UsageError(f"{folder}: holds another run; allowed: another --out")
        if found.limits == config.limits and (folder / RESULT).exists():
            return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    with TrainingDisplay(config, folder, quiet) as display:
        return execute(
            config,
            assemble(config, None),
            folder,
            resume=exists,
            callbacks=[display.update],
        )


def _draw(path: Path, curves: dict[str, list[Array]]) -> None:
    """Median line and range band; seeds take steps at the same inferences."""
    with figure(path, 5.0, 3.2) as drawn:
        axes = drawn.subplots()
        for method in HJB20_METHODS:
            histories = curves[method.label]
            n_steps = min(len(history) for history in histories)
            if n_steps == 0:
                continue
            inferences = histories[0][:n_steps, 1]
            errors = np.stack([history[:n_steps, 3] for history in histories])
            axes.fill_between(
                inferences, errors.min(axis=0), errors.max(axis=0), color=method.color, alpha=0.2, linewidth=0
            )
            median = np.median(errors, axis=0)
            axes.plot(inferences, median, color=method.color, marker="o", markersize=2.5, label=method.label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel("validation error (relative l2)")
        n_seeds = len(next(iter(curves.values())))
        axes.set_title(f"HJB-20 on tonn-hjb20, published noise; median and range of {n_seeds} seeds")
        axes.legend(loc="center right")


def _print_summary(rows: list[dict[str, Any]], out: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("method", "inferences", "median rel_l2", "lowest", "highest", "wall [s]"):
        table.add_column(column)
    for method in HJB20_METHODS:
        own = [row for row in rows if row["method"] == method.label]
        errors = np.array([row["rel_l2"] for row in own])
        table.add_row(
            method.label,
            f"{max(row['inferences'] for row in own):,}",
            f"{np.median(errors):.2e}",
            f"{errors.min():.2e}",
            f"{errors.max():.2e}",
            f"{np.median([row['wall_s'] for row in own]):.0f}",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"every run, table.csv and error.png are in {out}", markup=False, soft_wrap=True)

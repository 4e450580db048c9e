"""Every PDE of the library on its default chip: error, inferences and time, several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.tables.hjb20 import finished_run
from photonzero.training.problems import get_problem

TARGETS = {
    "hjb20": 1e-3,
    "heat": 5e-3,
    "black-scholes": 1e-2,
    "basket5": None,
    "burgers": 5e-2,
    "darcy": 5e-2,
    "darcy-random": 5e-2,
    "kovasznay": 5e-2,
    "poisson10": 2e-2,
    "allen-cahn10": 2e-2,
    "hjb20-log": 1e-2,
    "hjb100-log": 3e-2,
}
"""Relative l2 error that each problem is meant to reach with its preset; None for no promise."""

_COLUMNS: tuple[str, ...] = (
    "problem",
    "chip",
    "seed",
    "rel_l2",
    "target",
    "reference_error",
    "inferences",
    "wall_s",
    "peak_rss_mb",
)


def tabulate_problems(out: Path, n_seeds: int, only: tuple[str, ...], quiet: bool) -> None:
    """Train every problem with its preset and `published` noise: problems.csv and a table on stdout.

    Args:
        out: folder; a run in it that is finished is not repeated.
        n_seeds: seeds 0 to n - 1, of chip and training.
        only: problems; none for all.
        quiet: print nothing.

    Raises:
        UsageError: a folder there holds another run.
    """
    rows: list[dict[str, Any]] = []
    for name in only or TARGETS:
        problem = get_problem(name)
        for seed in range(n_seeds):
            table = default_table(name, "gauss-newton", None, "published")
            table["seed"] = seed
            result = finished_run(resolve(table), out / f"{name}-{seed}", quiet)
            known = {"target": TARGETS.get(name), "reference_error": problem.reference_error}
            rows.append({key: {**result, **known}[key] for key in _COLUMNS})
    write_csv(out / "problems.csv", _COLUMNS, rows)
    if not quiet:
        Console(highlight=False).print(markdown_table(rows), markup=False, soft_wrap=True)


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """The rows of several seeds as a table for the manual, a line a problem."""
    lines = [
        "| problem | chip | seeds | rel_l2, median | range | target | inferences | wall, median |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == name]
        errors = np.array([row["rel_l2"] for row in own])
        target = own[0]["target"]
        met = "" if target is None else f"{target:.0e}" + ("" if np.median(errors) <= target else ", missed")
        cells = (
            f"`{name}`",
            f"`{own[0]['chip']}`",
            str(len(own)),
            f"{np.median(errors):.1e}",
            f"{errors.min():.1e} to {errors.max():.1e}",
            met,
            f"{np.median([row['inferences'] for row in own]):.1e}",
            f"{np.median([row['wall_s'] for row in own]):.0f} s",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

"""Tensor trains of fixed ranks against one that starts at rank 1 and grows when its residual stalls."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig, default_table, resolve
from photonzero.experiments.drawing.style import PALETTE, figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.runs import assemble
from photonzero.photonics.designs import get_design
from photonzero.photonics.networks.twins import grow_network, with_rank
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS

_PATIENCE = 4
"""Steps without a lower validation error after which a rank has stalled."""


@dataclass(frozen=True)
class Growth:
    """A training in stages of growing rank.

    Attributes:
        rel_l2: of the test points, of the last stage.
        n_controls: of the last stage.
        history: (steps, columns of `photonzero.training.trainer.HISTORY_COLUMNS`), inferences of all stages
            together.
        stages: largest rank of each stage, and the inferences it began at.
    """

    rel_l2: float
    n_controls: int
    history: Array
    stages: tuple[tuple[int, int], ...]


def train_growing(config: RunConfig, ranks: tuple[int, ...]) -> Growth:
    """Train at the first rank; when it stalls, grow to the next and go on from the same function.

    Args:
        config: its chip has the modes of the network; its budget is that of all stages together.
        ranks: increasing; a single one trains at that rank to the end.

    Raises:
        UsageError: ranks that do not increase.
    """
    if not ranks or ranks[0] < 1 or any(b <= a for a, b in itertools.pairwise(ranks)):
        raise UsageError(f"ranks: {ranks}; allowed: increasing numbers from 1 on")
    rng = np.random.default_rng([config.seed, 2])
    spent, history, stages = 0, [], []
    design, start = with_rank(config.network(), ranks[0]), None
    while True:
        number = len(stages)
        last = number == len(ranks) - 1
        left = config.limits.max_inferences - spent
        limits = replace(config.limits, max_inferences=left, plateau_steps=None if last else _PATIENCE)
        # A later stage draws points and directions of its own.
        stage = replace(config, design=design, limits=limits, seed=config.seed + 1000 * number)
        parts = assemble(stage, None, start)
        run = parts.run(limits)
        reasons = run.train()
        rows = np.array(run.history).reshape(-1, len(HISTORY_COLUMNS))
        rows[:, 1] += spent
        history.append(rows)
        stages.append((ranks[number], spent))
        spent += run.inferences
        if last or "max_inferences" in reasons:
            joined = np.concatenate(history)
            return Growth(run.test_error(), parts.chip.n_controls, joined, tuple(stages))
        design, start = grow_network(design, run.optimizer.controls, ranks[number + 1], rng)


def compare_ranks(
    out: Path, problem: str, ranks: tuple[int, ...], n_seeds: int, budget: int, optimizer: str, quiet: bool
) -> None:
    """Every rank fixed, and the growing one, on ideal chips: ranks.csv and ranks.png.

    Chips are ideal, because a larger network is another chip: fabrication errors would change the function.

    Args:
        out: folder.
        problem: a PDE.
        ranks: tried one by one, and grown through.
        n_seeds: seeds 0 to n - 1.
        budget: inferences of a run.
        optimizer: name.
        quiet: print nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    curves: dict[str, list[Array]] = {}
    variants = {**{f"rank {rank}": (rank,) for rank in ranks}, "growing": ranks}
    for label, own in variants.items():
        for seed in range(n_seeds):
            table = default_table(problem, optimizer, None, "ideal")
            table["seed"] = seed
            table["limits"] = {"max_inferences": budget}
            config = resolve(table)
            found = train_growing(replace(config, design=get_design(config.chip)), own)
            curves.setdefault(label, []).append(found.history)
            rows.append(
                {
                    "problem": problem,
                    "optimizer": optimizer,
                    "network": label,
                    "n_controls": found.n_controls,
                    "seed": seed,
                    "inferences": int(found.history[-1, 1]),
                    "rel_l2": found.rel_l2,
                    "stages": " ".join(f"{rank}@{spent}" for rank, spent in found.stages),
                }
            )
    write_csv(out / "ranks.csv", list(rows[0]), rows)
    with figure(out / "ranks.png", 5.0, 3.4) as drawn:
        axes = drawn.subplots()
        for color, (label, histories) in zip(PALETTE, curves.items(), strict=False):
            for k, history in enumerate(histories):
                name = label if k == 0 else None
                axes.plot(history[:, 1], history[:, 3], color=color, linewidth=1.0, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel("validation error (relative l2)")
        axes.set_title(f"{problem}, {optimizer}, ideal chips, {n_seeds} seeds")
        axes.legend()
    if not quiet:
        _print_summary(rows, out)


def _print_summary(rows: list[dict[str, Any]], out: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("network", "controls", "median rel_l2", "lowest", "highest"):
        table.add_column(column)
    for label in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == label]
        errors = np.array([row["rel_l2"] for row in own])
        controls = max(row["n_controls"] for row in own)
        numbers = [f"{v:.2e}" for v in (np.median(errors), errors.min(), errors.max())]
        table.add_row(label, f"{controls:,}", *numbers)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"ranks.csv and ranks.png are in {out}", markup=False, soft_wrap=True)

"""Tensor trains of fixed ranks against one that starts at rank 1 and grows when its residual stalls."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.studies.training import SEED, config_key
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Measured, Row, Sample
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    grouped,
    learning_curves,
    spread,
    terminal_table,
)
from photonzero.photonics.networks.twins import grow_network, with_rank
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS

_PATIENCE = 4
"""Steps without a lower validation error after which a rank has stalled."""

GROWING = "growing"


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


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        problem: a PDE.
        optimizer: name.
        ranks: that the growing network goes through.
        max_inferences: budget of a run.
    """

    problem: str = "black-scholes"
    optimizer: str = "gauss-newton"
    ranks: tuple[int, ...] = (1, 2, 4)
    max_inferences: int = 1_000_000


def config_of(sample: Sample) -> RunConfig:
    """A run on an ideal chip: a larger network is another chip, whose errors would change the function."""
    options = sample.options
    config = configured(
        options.problem,
        optimizer=options.optimizer,
        noise="ideal",
        seed=sample.setting["seed"],
        settings={"limits": {"max_inferences": options.max_inferences}},
    )
    return replace(config, design=config.network())


def _ranks(sample: Sample) -> tuple[int, ...]:
    network = sample.setting["network"]
    return sample.options.ranks if network == GROWING else (int(network.removeprefix("rank ")),)


def measure(samples: Sequence[Sample], prepared: Any) -> list[Row]:
    """Train every network to the end of its budget, rank after rank."""
    rows: list[Row] = []
    for sample in samples:
        found = train_growing(config_of(sample), _ranks(sample))
        kept = {"history": found.history, "stages": np.array(found.stages)}
        counts = {
            "inferences": int(found.history[-1, 1]) if len(found.history) else 0,
            "n_controls": found.n_controls,
        }
        rows.append({"error": found.rel_l2, **counts, KEPT: kept})
    return rows


def _key(sample: Sample) -> str:
    text = config_key(config_of(sample)) + json.dumps(_ranks(sample))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of ranks.csv."""
    row = one.row
    return {
        "problem": plan.options.problem,
        "optimizer": plan.options.optimizer,
        **{key: row[key] for key in ("network", "n_controls", "seed", "inferences")},
        "rel_l2": row["error"],
        "stages": " ".join(f"{rank}@{spent}" for rank, spent in one.kept["stages"].tolist()),
    }


def printed(lines: list[Line]) -> Table:
    """Medians over seeds."""
    return terminal_table(
        ("network", "controls", "median rel_l2", "lowest", "highest"),
        [
            [label, f"{max(line['n_controls'] for line in own):,}", *spread(own, "rel_l2")]
            for (label,), own in grouped(lines, "network").items()
        ],
    )


STUDY = comparison(
    "ranks",
    "Tensor trains of fixed ranks, and one that grows when it stalls.",
    (Axis("network", "network", "text"), SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    # Beneath it goes the rank that it begins with.
    figure=learning_curves(
        lambda row: row["network"], styles={"growing": {"linestyle": (0, (2, 2))}}, fontsize=7
    ),
    measure=measure,
    measured=(
        Measured("error", "test error"),
        Measured("inferences", "optical inferences of training", "int"),
        Measured("n_controls", "controls", "int"),
    ),
    key=_key,
    options=Options,
    defaults={"network": ["rank 1", "rank 2", "rank 4", GROWING], "seed": [0, 1, 2]},
    quick={"seed": [0], "max_inferences": 200_000},
)

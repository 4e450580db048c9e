"""HJB-20: forward-only Gauss-Newton against the published way, error against optical inferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.training import SEED
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Sample
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

METHODS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "forward-only Gauss-Newton": ("gauss-newton", "central"),
        "published way: random gradient + Adam, sparse grid": ("rge-adam", "sparse-grid"),
    }
)
"""Optimizer and rule of derivatives by label."""

_GAUSS_NEWTON_INFERENCES = 3_000_000


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        max_inferences: budget of the published way.
    """

    max_inferences: int = 50_000_000


def config_of(sample: Sample) -> RunConfig:
    """HJB-20 on its chip with `published` noise."""
    optimizer, derivatives = METHODS[sample.setting["method"]]
    own = optimizer == "gauss-newton"
    return configured(
        "hjb20",
        optimizer=optimizer,
        derivatives=derivatives,
        max_inferences=_GAUSS_NEWTON_INFERENCES if own else sample.options.max_inferences,
        seed=sample.setting["seed"],
    )


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of hjb20.csv."""
    row = one.row
    counts = {key: row[key] for key in ("method", "seed", "inferences", "steps")}
    return {**counts, "rel_l2": row["error"], "wall_s": one.wall_s}


def printed(lines: list[Line]) -> Table:
    """Medians over seeds."""
    header = ("method", "inferences", "median rel_l2", "lowest", "highest", "wall [s]")
    return terminal_table(
        header,
        [
            [label, f"{max(line['inferences'] for line in own):,}", *spread(own, "rel_l2"),
             f"{median(own, 'wall_s'):.0f}"]
            for (label,), own in grouped(lines, "method").items()
        ],
    )  # fmt: skip


STUDY = comparison(
    "hjb20",
    "HJB-20: forward-only Gauss-Newton against the published way.",
    (Axis("method", "method", "text", choices=tuple(METHODS)), SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    figure=learning_curves(lambda row: row["method"], loc="center right"),
    options=Options,
    defaults={"method": list(METHODS), "seed": [0, 1, 2, 3, 4]},
    quick={"seed": [0], "max_inferences": 3_000_000},
)

"""Studies whose sample is a training, kept by its configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import Outcome, train
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Drawing, Measured, Row, Sample, Study
from photonzero.experiments.sweep.table import load_kept
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS

MEASURED = (
    Measured("error", "test error"),
    Measured("inferences", "optical inferences of training", "int"),
    Measured("steps", "steps", "int"),
    Measured("final_loss", "loss after the last step"),
    Measured("n_controls", "controls", "int"),
)
"""What a training is measured by.

The error is the relative l2 error on the test points of a PDE, or the share of wrong answers on the test part
of a dataset. Times differ from run to run: they are kept beside the table.
"""

COSTS = (
    "wall_s",
    "peak_rss_mb",
    "layer_inferences",
    "settings",
    "host_operations",
    "chip_time_s",
    "reprogramming_time_s",
)
"""What a training took, kept beside its row; NaN for what was not counted."""

SEED = Axis("seed", "seed of chip and training", "int", 0, 2**31 - 1)


def row_of(outcome: Outcome) -> Row:
    """The row of a training, with its history, the error at zero, and what it cost, to be kept."""
    result = outcome.result
    error = 1.0 - result["test_accuracy"] if "test_accuracy" in result else result["rel_l2"]
    values = {measured.name: result[measured.name] for measured in MEASURED[1:]}
    cost = {name: result.get(name) for name in COSTS}
    stated = {"zero": result.get("null", {}).get("zero"), **cost}
    kept = {
        "history": np.array(outcome.run.history).reshape(-1, len(HISTORY_COLUMNS)),
        **{name: np.array(np.nan if value is None else value) for name, value in stated.items()},
        "stop": np.array(", ".join(result.get("stop", {}))),
    }
    return {"error": error, **values, KEPT: kept}


def config_key(config: RunConfig) -> str:
    """Hash of everything that a training and its result depend on."""
    text = config.fingerprint() + json.dumps(asdict(config.limits), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def trained_row(config: RunConfig, sample: Sample) -> Row:
    """Train as configured, on one thread: a study's workers share the processors.

    Frozen optics are not measured besides: they are samples of their own.
    """
    return row_of(train(assemble(replace(config, frozen_null=False), 1), checkpoint=sample.scratch))


def training_study(
    name: str,
    summary: str,
    axes: tuple[Axis, ...],
    config_of: Callable[[Sample], RunConfig],
    *,
    row: Callable[[RunConfig, Sample], Row] = trained_row,
    draw: Callable[[Plan, list[Row], Path], list[Drawing]],
    **more: Any,
) -> Study:
    """A study of trainings, each kept by its configuration: it goes on where an interrupted one was.

    Args:
        name: what the command calls it.
        summary: one line.
        axes: what it varies; the last one is usually SEED.
        config_of: the run of a sample.
        row: what it has come to.
        draw: see `Study`.
        **more: further attributes of the `Study`.
    """

    def measure(samples: Sequence[Sample], prepared: Any) -> list[Row]:
        return [row(config_of(sample), sample) for sample in samples]

    def check(plan: Plan) -> None:
        for setting in _one_by_one(plan):
            config_of(Sample(0, setting, 0, 0, plan))

    own: dict[str, Any] = {
        "measured": MEASURED,
        "measure": measure,
        "repeated": False,
        "key": lambda sample: config_key(config_of(sample)),
        "check": check,
    }
    return Study(name, summary, axes, draw=draw, **{**own, **more})


def _one_by_one(plan: Plan) -> list[dict[str, Any]]:
    """The first setting, and the settings that differ from it in one axis."""
    first = {name: values[0] for name, values in plan.grid.items()}
    return [first] + [{**first, name: value} for name, values in plan.grid.items() for value in values[1:]]


def histories(plan: Plan, rows: Sequence[Row], folder: Path) -> list[Array]:
    """What the trainings of some rows kept: (steps, 5), columns HISTORY_COLUMNS."""
    return [kept(plan, row, folder)["history"] for row in rows]


def kept(plan: Plan, row: Row, folder: Path) -> dict[str, Array]:
    """Everything that the training of a row kept."""
    assert plan.study.key is not None
    setting = {axis.name: row[axis.name] for axis in plan.study.axes}
    return load_kept(folder, plan.study.key(Sample(0, setting, 0, 0, plan)))

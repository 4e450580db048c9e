"""What a worker does: measure units; pure functions of the plan, so that any worker gives the same rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from photonzero.experiments.run.blas import one_blas_thread
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Prepared, Row, Sample
from photonzero.training.oracle import Array

FAILURE = "failure"


@one_blas_thread()
def measure_units(
    plan: Plan, units: Sequence[int], prepared: Prepared, scratch: Path | None = None
) -> tuple[list[tuple[int, list[Row]]], float]:
    """Measure units one after the other.

    Args:
        plan: the study.
        units: their numbers.
        prepared: what the study prepared.
        scratch: folder in which samples may keep how far they are; None on another machine.

    Returns:
        For each unit its number and a row for each of its samples, and the seconds it all took.
    """
    started = time.perf_counter()
    rows = [(unit, measure_unit(plan.unit(unit, scratch), prepared)) for unit in units]
    return rows, time.perf_counter() - started


@one_blas_thread()
def prepare_one(plan: Plan, name: str) -> Mapping[str, Array]:
    """Make one thing that all samples share."""
    return plan.study.prepare(plan, name)


def measure_unit(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """Rows of one unit. If measuring them together fails, each is tried alone: only its own row fails."""
    try:
        return _measure(samples, prepared)
    except Exception as error:  # noqa: BLE001 - whatever a sample raises is its row, not the study's end
        if len(samples) > 1:
            return [row for sample in samples for row in measure_unit([sample], prepared)]
        return [{FAILURE: failure_text(error)}]


def failure_text(error: BaseException) -> str:
    """One line that says what was raised."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    study = samples[0].plan.study
    rows = study.measure(samples, prepared)
    names = {measured.name for measured in study.measured}
    if len(rows) != len(samples) or any(row.keys() - {KEPT} != names for row in rows):
        raise ValueError(f"study {study.name}: {len(rows)} rows for {len(samples)} samples, or other columns")
    return rows

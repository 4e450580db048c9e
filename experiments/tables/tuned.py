"""Values that comparisons take, chosen by short runs on seeds that no table uses and kept as TOML."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import train
from photonzero.experiments.studies.training import config_key
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Measured, Row, Sample, Study
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.errors import MeasurementError
from photonzero.training.oracle import Array


@lru_cache
def read_data(name: str) -> dict[str, Any]:
    """What NAME.toml beside this module says."""
    place = files("photonzero") / "experiments" / "tables" / f"{name}.toml"
    return tomllib.loads(place.read_text(encoding="utf-8"))


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


def last_error(config: RunConfig) -> float:
    """Validation error at the end of a run; infinity for one that did not get there."""
    try:
        history = train(assemble(config, 1)).run.history
    except MeasurementError:
        # So large a step that the controls left the range of numbers: it is not chosen.
        return np.inf
    return history[-1][3] if history and np.isfinite(history[-1][3]) else np.inf


def errors_of_values(
    config_of: Callable[[float, int], RunConfig],
    values: Sequence[float],
    seeds: Sequence[int],
    beyond: int,
    scratch: Path | None = None,
) -> dict[float, float]:
    """Median validation errors by value, see `search`.

    Args:
        config_of: the run with a value and a seed.
        values: tried in any case.
        seeds: that no table uses.
        beyond: further values at either end.
        scratch: file that keeps the errors found so far, and from which the search goes on if it is there.
    """
    known: dict[float, float] = {}
    if scratch is not None and scratch.exists():
        found = load_checkpoint(scratch, scratch.name)
        known = dict(zip(found["values"].tolist(), found["errors"].tolist(), strict=True))

    def error(value: float) -> float:
        if value not in known:
            known[value] = float(np.median([last_error(config_of(value, seed)) for seed in seeds]))
            if scratch is not None:
                save_checkpoint(scratch, scratch.name, _arrays(known))
        return known[value]

    return search(error, values, beyond)


def _arrays(errors: dict[float, float]) -> dict[str, Array]:
    return {"values": np.array(list(errors)), "errors": np.array(list(errors.values()))}


def tuning_study(
    name: str,
    summary: str,
    axes: tuple[Axis, ...],
    config_of: Callable[[Sample, float, int], RunConfig],
    values_of: Callable[[Sample], Sequence[float]],
    *,
    seeds: Sequence[int],
    beyond: int,
    **more: Any,
) -> Study:
    """A study whose sample is the choice of one value by short runs.

    Args:
        name: of the study.
        summary: one line.
        axes: what is tuned.
        config_of: the run of a sample with a value and a seed.
        values_of: values that a sample is tried with, increasing.
        seeds: that no table uses.
        beyond: further values that are tried at either end.
        **more: further attributes of the `Study`.
    """

    def measure(samples: Sequence[Sample], prepared: Any) -> list[Row]:
        return [_measure(sample) for sample in samples]

    def _measure(sample: Sample) -> Row:
        errors = errors_of_values(
            lambda value, seed: config_of(sample, value, seed),
            values_of(sample),
            seeds,
            beyond,
            sample.scratch,
        )
        best = min(errors, key=errors.__getitem__)
        return {"value": best, "error": errors[best], KEPT: _arrays(errors)}

    def key(sample: Sample) -> str:
        values = list(values_of(sample))
        text = config_key(config_of(sample, values[0], seeds[0])) + json.dumps([values, list(seeds), beyond])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Any]:
        return []

    own: dict[str, Any] = {"repeated": False, "key": key, "draw": draw}
    columns = (Measured("value", "value"), Measured("error", "median validation error"))
    return Study(name, summary, axes, measured=columns, measure=measure, **{**own, **more})

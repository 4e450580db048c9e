"""`photonzero sweep`: resolve, run, draw, say what came out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.run.runs import RESULT, provenance
from photonzero.experiments.studies.registry import find_plan
from photonzero.experiments.sweep.display import SweepDisplay
from photonzero.experiments.sweep.engine import run_sweep
from photonzero.experiments.sweep.executors import executors
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Drawing, Row
from photonzero.experiments.sweep.table import check_folder
from photonzero.experiments.sweep.work import FAILURE
from photonzero.training.checkpoint import write_atomically


def run_command(
    name: str,
    *,
    quick: bool,
    settings: Sequence[str],
    executor: str,
    scheduler: str | None,
    workers: int | None,
    out: Path | None,
    quiet: bool,
) -> None:
    """Run a study by name or file, or continue it.

    Args:
        name: of a study, ``file.py:NAME``, or a TOML file.
        quick: the short version.
        settings: ``key=value`` texts.
        executor: see `photonzero.experiments.sweep.executors`.
        scheduler: address of a Dask scheduler.
        workers: how many.
        out: folder; None for one named after the study's content.
        quiet: print nothing.

    Raises:
        UsageError: bad input, found before anything is written.
    """
    table = {"study": name}
    if name.endswith(".toml"):
        table = read_toml(Path(name))
        if quick:
            raise UsageError(f"--quick with {name}; allowed with the name of a study")
    plan = find_plan(table, settings, quick=quick)
    # Named by content: the same command finds its study again, and another one never.
    folder = out or Path("runs") / f"sweep-{plan.study.name}-{plan.fingerprint[:8]}"
    check_folder(folder, plan)
    started = time.perf_counter()
    with (
        executors(executor, workers, scheduler) as crew,
        SweepDisplay(plan, folder, executor, crew.count, quiet) as display,
    ):
        rows = run_sweep(plan, folder, crew, display.update)
    drawings = draw_study(plan, rows, folder)
    _write_result(plan, folder, rows, drawings, time.perf_counter() - started)
    if not quiet:
        display.summary(rows)


def draw_study(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Figures of a study, if any sample succeeded."""
    measured = [row for row in rows if not row[FAILURE]]
    return plan.study.draw(plan, measured, folder) if measured else []


def _write_result(plan: Plan, folder: Path, rows: list[Row], drawings: list[Drawing], wall_s: float) -> None:
    path = folder / RESULT
    if path.exists():
        # Looking at a finished study again does not change how long it took.
        wall_s = json.loads(path.read_text(encoding="utf-8")).get("wall_s", wall_s)
    result: dict[str, Any] = {
        "schema": 1,
        "study": plan.study.name,
        "fingerprint": plan.fingerprint,
        "samples": plan.n_samples,
        "failed": sum(row[FAILURE] != "" for row in rows),
        "wall_s": wall_s,
        "figures": [{"name": drawing.name, "caption": drawing.caption} for drawing in drawings],
        **provenance(),
    }
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))

"""A study from the command and from Python: resolve, run, draw, say what came out."""

from __future__ import annotations

import json
import shutil
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.run.result import provenance
from photonzero.experiments.studies.registry import find_plan, load_plan
from photonzero.experiments.sweep.display import SweepDisplay
from photonzero.experiments.sweep.engine import SweepProgress, run_sweep
from photonzero.experiments.sweep.executors import Workers, executors
from photonzero.experiments.sweep.folder import PLAN, RESULT, check_folder
from photonzero.experiments.sweep.plan import Plan, resolve_plan
from photonzero.experiments.sweep.study import Drawing, Row, Study
from photonzero.experiments.sweep.table import StudyTable, read_table
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
    content = {"study": name}
    if name.endswith(".toml"):
        content = read_toml(Path(name))
        if quick:
            raise UsageError(f"--quick with {name}; allowed with the name of a study")
    plan = find_plan(content, settings, quick=quick)
    # Named by content: the same command finds its study again, and another one never.
    folder = out or Path("runs") / f"sweep-{plan.study.name}-{plan.fingerprint[:8]}"
    run_plan(plan, out=folder, executor=executor, scheduler=scheduler, workers=workers, quiet=quiet)


def run_plan(
    plan: Plan,
    *,
    out: Path,
    executor: str = "serial",
    scheduler: str | None = None,
    workers: int | None = None,
    quiet: bool = True,
) -> StudyTable:
    """Run or continue a study and show how far it is and what came out; see `run_command`."""
    check_folder(out, plan)
    with (
        executors(executor, workers, scheduler) as crew,
        SweepDisplay(plan, out, executor, crew.count, quiet) as display,
    ):
        table = _measure(plan, out, crew, display.update)
    if not quiet:
        display.summary(table.rows())
    return table


def sweep(
    study: str | Study,
    grid: Mapping[str, Any] = MappingProxyType({}),
    *,
    quick: bool = False,
    chips: int | None = None,
    seeds: int | None = None,
    root_seed: int | None = None,
    executor: str = "serial",
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> StudyTable:
    """Measure a study, or what of it a folder does not hold yet.

    Args:
        study: name, ``file.py:NAME``, or a study made here.
        grid: a value, a list of values or a range of each axis that is not to have the study's own.
        quick: the study's short version.
        chips: fabricated chips.
        seeds: repetitions on each of them.
        root_seed: of all randomness.
        executor: "serial", "processes" (a script needs ``if __name__ == "__main__":``) or "dask"; no effect
            on results.
        workers: how many.
        scheduler: address of a Dask scheduler.
        out: folder as the command writes it, with figures; without one nothing stays on the disk.
        **options: of the study.

    Raises:
        UsageError: an unknown name, a value that is not allowed, or a folder with another study.
    """
    repeats = {"chips": chips, "seeds": seeds, "root_seed": root_seed}
    given = {key: value for key, value in repeats.items() if value is not None}
    table = {**given, "grid": dict(grid), "options": options}
    if isinstance(study, Study):
        plan = resolve_plan(study, table, quick=quick)
    else:
        plan = find_plan({"study": study, **table}, quick=quick)
    with executors(executor, workers, scheduler) as crew:
        if out is not None:
            return _measure(plan, Path(out), crew)
        temporary = _Temporary()
        return replace(run_sweep(plan, temporary.folder, crew), keeps=temporary)


class _Temporary:
    """A folder that lives as long as this object: the table reads from it what samples kept."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="photonzero-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def load_study(folder: str | Path, study: Study | None = None) -> StudyTable:
    """The table of a finished study.

    Args:
        folder: of the study.
        study: one made in Python, which no name leads to.

    Raises:
        UsageError: no study there, not finished, or another one.
    """
    path = Path(folder)
    if study is None:
        return read_table(path, load_plan(path))
    table = read_toml(path / PLAN)
    if table.get("study") != study.name:
        raise UsageError(f"{path}: holds the study {table.get('study')!r}; allowed: {study.name!r}")
    return read_table(path, resolve_plan(study, table))


def _measure(
    plan: Plan, folder: Path, crew: Workers, on_progress: Callable[[SweepProgress], None] | None = None
) -> StudyTable:
    """Measure what is missing, draw, and write the result."""
    check_folder(folder, plan)
    started = time.perf_counter()
    table = run_sweep(plan, folder, crew, on_progress)
    drawings = draw_study(plan, table.rows(), folder)
    _write_result(plan, folder, table, drawings, time.perf_counter() - started)
    return table


def draw_study(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Figures of a study, if any sample succeeded."""
    measured = [row for row in rows if not row[FAILURE]]
    return plan.study.draw(plan, measured, folder) if measured else []


def _write_result(
    plan: Plan, folder: Path, table: StudyTable, drawings: list[Drawing], wall_s: float
) -> None:
    path = folder / RESULT
    if path.exists():
        # Looking at a finished study again does not change how long it took.
        with suppress(ValueError, AttributeError):
            # One that was damaged is written anew, as everything in it is.
            wall_s = json.loads(path.read_text(encoding="utf-8")).get("wall_s", wall_s)
    result: dict[str, Any] = {
        "schema": 1,
        "study": plan.study.name,
        "fingerprint": plan.fingerprint,
        "samples": plan.n_samples,
        "failed": table.n_failed,
        "wall_s": wall_s,
        "figures": [{"name": drawing.name, "caption": drawing.caption} for drawing in drawings],
        **provenance(),
    }
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))

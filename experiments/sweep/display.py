"""What the terminal shows of a study: progress with time left, then medians."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from photonzero.experiments.sweep.engine import SweepProgress
from photonzero.experiments.sweep.figures import summarise
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Row
from photonzero.experiments.sweep.work import FAILURE

_WIDTH_OF_A_FILE = 200

_LINES = 40
"""Settings that the summary lists; the table has them all."""


class SweepDisplay:
    """A progress bar on stderr, the summary on stdout.

    Args:
        plan: what is run.
        folder: where.
        executor: on what.
        count: workers.
        quiet: show nothing.
    """

    def __init__(self, plan: Plan, folder: Path, executor: str, count: int, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._plan = plan
        self._folder = folder
        self._where = executor if executor == "serial" else f"{count} {executor} workers"
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            # The first samples compile; later ones tell how long it takes.
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> SweepDisplay:
        plan = self._plan
        self._console.print(
            f"{plan.study.name}: {plan.size_text} on {self._where} -> {self._folder}",
            markup=False,
            soft_wrap=True,
        )
        self._progress.start()
        self._task = self._progress.add_task("starting", total=plan.n_samples, failed="")
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def update(self, progress: SweepProgress) -> None:
        """Show how far it is."""
        failed = f"{progress.failed} failed" if progress.failed else ""
        self._progress.update(self._task, description=progress.stage, completed=progress.rows, failed=failed)

    def summary(self, rows: list[Row]) -> None:
        """Print on stdout what came out: what the study says of it, or medians."""
        good = [row for row in rows if not row[FAILURE]]
        notes = []
        # A file or a pipe has no width: nothing is to be cut.
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _WIDTH_OF_A_FILE
        if self._plan.study.printed is None:
            console.print(self._medians(rows, notes))
        elif good:
            console.print(
                self._plan.study.printed(self._plan, good, self._folder), markup=False, soft_wrap=True
            )
        if len(good) < len(rows):
            first = next(row[FAILURE] for row in rows if row[FAILURE])
            notes.append(f"{len(rows) - len(good)} samples failed, the first with {first}")
        notes.append(f"table.csv and figures are in {self._folder}")
        console.print("; ".join(notes), markup=False, soft_wrap=True)

    def _medians(self, rows: list[Row], notes: list[str]) -> Table:
        plan = self._plan
        varied = plan.varied or list(plan.grid)[:1]
        names = [m.name for m in plan.study.measured if any(row[m.name] is not None for row in rows)]
        columns = {name: summarise(rows, varied, name) for name in names}
        table = Table(box=None, pad_edge=False)
        for column in (*varied, *names):
            table.add_column(column)
        keys = list(dict.fromkeys(tuple(row[name] for name in varied) for row in rows))
        for key in keys[:_LINES]:
            cells = [_number(value) for value in key]
            for name in names:
                own = [line for line in columns[name] if tuple(line[part] for part in varied) == key]
                cells.append(_number(own[0]["median"]) if own else "-")
            table.add_row(*cells)
        notes.append(f"medians of {len(rows) // max(1, len(keys))} samples each")
        if len(keys) > _LINES:
            notes.append(f"first {_LINES} of {len(keys)} settings")
        return table


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

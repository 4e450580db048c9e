"""Run a study: prepare, measure what is missing, write each row once, whatever dies on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.executors import Workers, is_lost_worker, lost_executor
from photonzero.experiments.sweep.folder import StudyFolder
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Prepared, Row
from photonzero.experiments.sweep.table import KEPT_FOLDER, StudyTable
from photonzero.experiments.sweep.work import FAILURE, measure_units, prepare_one
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.oracle import Array

_SECONDS_A_CHUNK = 0.25
"""Long beside the cost of sending a chunk, short beside the patience of who watches or interrupts."""

_LONE_TRIES = 2
"""A unit during which workers died is tried alone so often before its samples are said to have failed."""


@dataclass(frozen=True)
class SweepProgress:
    """What a callback sees.

    Attributes:
        stage: "preparing NAME" or "measuring".
        rows: there so far, those of earlier runs included.
        new_rows: of this run.
        n_samples: rows of the finished table.
        failed: new rows of failed samples.
    """

    stage: str
    rows: int
    new_rows: int
    n_samples: int
    failed: int


def run_sweep(
    plan: Plan,
    folder: Path,
    workers: Workers,
    on_progress: Callable[[SweepProgress], None] | None = None,
) -> StudyTable:
    """Measure every sample of a study that its folder does not hold yet.

    Args:
        plan: the study.
        folder: of study.toml, journal.csv or table.csv, and what was prepared.
        workers: who measures.
        on_progress: for display.

    Returns:
        All rows, in the order of the grid.

    Raises:
        UsageError: the folder holds another study, another process works on it, or workers in other
            processes could not find the study.
        KeyboardInterrupt: what was measured is in the journal; the same call continues.
    """
    if workers.apart and plan.finder is None:
        raise UsageError(
            f"study {plan.name}: known to this process only; allowed: executor serial, or a study from a "
            "file.py:NAME or an entry point"
        )
    with StudyFolder(folder, plan) as rows:
        if not rows.is_complete:
            with _Work(plan, folder, rows, workers, on_progress) as work:
                work.measure(work.prepare())
            rows.finish()
        return rows.table()


class _Work:
    """One run of a study on executors that may break."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        table: StudyFolder,
        workers: Workers,
        on_progress: Callable[[SweepProgress], None] | None,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._table = table
        self._workers = workers
        self._on_progress = on_progress
        self._executor: Executor | None = None
        self._new_rows = self._failed = 0
        self._unit_s: float | None = None
        self._scratch = folder / KEPT_FOLDER if workers.here and plan.study.key is not None else None

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._executor is not None:
            self._workers.stop(self._executor, kind is not None)

    def _submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._executor is None:
            self._executor = self._workers.make()
        try:
            return self._executor.submit(call, self._plan, *arguments)
        except BrokenExecutor:
            # It broke since: whoever waits for its other futures hears of it too.
            self._executor = self._workers.make()
            return self._executor.submit(call, self._plan, *arguments)

    def _show(self, stage: str) -> None:
        if self._on_progress is not None:
            rows, total = self._table.n_rows, self._plan.n_samples
            self._on_progress(SweepProgress(stage, rows, self._new_rows, total, self._failed))

    def prepare(self) -> Prepared:
        """Make, or read back, what all samples share.

        Raises:
            Whatever making it raises: without it there is no study.
        """
        made: dict[str, dict[str, Array]] = {}
        names = self._plan.study.preparations(self._plan) if self._table.missing else ()
        waiting: dict[Future[Any], str] = {}
        for name in names:
            path = self._prepared_path(name)
            if path.exists():
                made[name] = load_checkpoint(path, self._plan.preparation)
            else:
                self._show(f"preparing {name}")
                waiting[self._submit(prepare_one, name)] = name
        while waiting:
            self._show(f"preparing {', '.join(waiting.values())}")
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                name = waiting.pop(future)
                made[name] = dict(_answer(future))
                self._prepared_path(name).parent.mkdir(exist_ok=True)
                save_checkpoint(self._prepared_path(name), self._plan.preparation, made[name])
        # In the order of the study, whichever was ready first.
        return {**self._plan.study.load(self._plan), **{name: made[name] for name in names}}

    def _prepared_path(self, name: str) -> Path:
        return self._folder / "prepared" / f"{name}.npz"

    def measure(self, prepared: Prepared) -> None:
        """Measure the units of which a row is missing."""
        queue = iter(self._table.missing)
        pending: dict[Future[Any], list[int]] = {}
        suspects: list[int] = []
        self._show("measuring")
        while True:
            while len(pending) < self._workers.chunks and (chunk := self._chunk(queue)):
                pending[self._submit(measure_units, chunk, prepared, self._scratch)] = chunk
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                chunk = pending.pop(future)
                try:
                    self._add(*_answer(future))
                except Exception as error:
                    if not is_lost_worker(error):
                        raise
                    suspects += chunk
                    self._executor = None
        self._measure_alone(sorted(suspects), prepared)

    def _measure_alone(self, suspects: list[int], prepared: Prepared) -> None:
        """Units during which a worker died: whichever of them kills its worker again has failed."""
        for unit in suspects:
            for attempt in range(_LONE_TRIES):
                try:
                    self._add(*_answer(self._submit(measure_units, [unit], prepared, self._scratch)))
                    break
                except Exception as error:
                    if not is_lost_worker(error):
                        raise
                    self._executor = None
                    if attempt == _LONE_TRIES - 1:
                        reason = f"the worker died (killed, or out of memory): {error}"
                        self._add([(unit, [{FAILURE: reason}] * self._plan.unit_size)], 0.0)

    def _chunk(self, queue: Iterator[int]) -> list[int]:
        """The next units, as many as take about as long as a chunk should."""
        size = 1 if self._unit_s is None else max(1, round(_SECONDS_A_CHUNK / max(self._unit_s, 1e-6)))
        left = self._plan.n_samples - self._table.n_rows
        share = -(-left // (self._plan.unit_size * self._workers.chunks))
        return list(islice(queue, min(size, max(1, share))))

    def _add(self, measured: list[tuple[int, list[Row]]], seconds: float) -> None:
        self._new_rows += self._table.add(measured)
        self._failed += sum(FAILURE in row for _, rows in measured for row in rows)
        if seconds > 0:
            self._unit_s = seconds / len(measured)
        self._show("measuring")


def _answer(future: Future[Any]) -> Any:
    """What was measured.

    Raises:
        UsageError: the executor has given it up.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise lost_executor() from error

"""The table of a study: rows stream into an append-only journal, which becomes table.csv at the end."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import tomli_w

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Row, Study
from photonzero.experiments.sweep.work import FAILURE
from photonzero.training.checkpoint import write_atomically

PLAN, TABLE, JOURNAL = "study.toml", "table.csv", "journal.csv"

_SECONDS_BETWEEN_SYNCS = 1.0


def format_row(plan: Plan, index: int, row: Row) -> str:
    """One CSV line, the same bits for the same row: floats with all their digits."""
    setting, rest = divmod(index, plan.chips * plan.seeds)
    chip, seed = divmod(rest, plan.seeds)
    cells = [_cell(row.get(name)) for name in _measured_names(plan.study)]
    return (
        f"{_setting_texts(plan)[setting]},{chip},{seed},{','.join(cells)},{_quoted(row.get(FAILURE, ''))}\n"
    )


@lru_cache(maxsize=4)
def _setting_texts(plan: Plan) -> list[str]:
    """The cells of every setting: names and numbers, which need no quotes."""
    return [",".join(str(value) for value in setting.values()) for setting in plan.settings]


@lru_cache(maxsize=4)
def _measured_names(study: Study) -> tuple[str, ...]:
    return tuple(measured.name for measured in study.measured)


def _cell(value: Any) -> str:
    if type(value) is float:
        return repr(value)
    if value is None:
        return ""
    # NumPy's numbers print their type.
    return repr(value.item() if hasattr(value, "item") else value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text else ""


def read_rows(study: Study, text: str) -> list[Row]:
    """Rows of a table as numbers; what a failed sample did not measure is None.

    Raises:
        UsageError: other columns, or cells that are not numbers.
    """
    # Nothing is quoted but reasons of failures, which are rare.
    quoted = '"' in text
    lines = list(csv.reader(io.StringIO(text))) if quoted else [line.split(",") for line in text.splitlines()]
    header = tuple(lines[0]) if lines else ()
    if header != study.columns:
        raise UsageError(f"table: columns {', '.join(header)}; allowed: {', '.join(study.columns)}")
    if len(lines) == 1:
        return []
    kinds = [_KINDS[axis.kind] for axis in study.axes]
    kinds += [int, int, *(_OPTIONAL[measured.kind] for measured in study.measured), str]
    try:
        # By columns: a table has few of them and many rows.
        cells = zip(*lines[1:], strict=True)
        columns = [list(map(kind, column)) for kind, column in zip(kinds, cells, strict=True)]
    except ValueError as error:
        raise UsageError(f"table: {error}") from error
    return [dict(zip(study.columns, row, strict=True)) for row in zip(*columns, strict=True)]


_KINDS: dict[str, Any] = {"float": float, "int": int, "text": str}
_OPTIONAL: dict[str, Any] = {
    "float": lambda cell: float(cell) if cell else None,
    "int": lambda cell: int(cell) if cell else None,
}


def check_folder(folder: Path, plan: Plan) -> None:
    """Whether a study can be measured, or continued, in a folder.

    Raises:
        UsageError: it holds another one.
    """
    if (folder / PLAN).exists():
        table = read_toml(folder / PLAN)
        if table.get("study") != plan.name or plan.like(table).fingerprint != plan.fingerprint:
            raise UsageError(f"{folder}: holds another study; allowed: another --out")
    elif (folder / TABLE).exists() or (folder / JOURNAL).exists():
        raise UsageError(f"{folder}: holds a table without its {PLAN}; allowed: another --out")
    if (folder / TABLE).exists():
        rows = read_rows(plan.study, (folder / TABLE).read_text(encoding="utf-8"))
        if len(rows) != plan.n_samples:
            raise UsageError(f"{folder / TABLE}: not of this study; allowed: another --out")


class StudyTable:
    """The rows of one study in its folder. Use as a context: it holds a lock on the folder.

    Args:
        folder: made if missing.
        plan: the study.

    Attributes:
        missing: numbers of the units of which a row is missing.

    Raises:
        UsageError: the folder holds another study, or another process works on it.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._header = f"photonzero journal 1,{plan.fingerprint}\n"
        check_folder(folder, plan)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}") from error
        self._lines: dict[int, str] = {}
        self.missing: list[int] = []

    def __enter__(self) -> StudyTable:
        self._lock = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise UsageError(f"{self._folder}: another process works on this study") from error
        write_atomically(self._folder / PLAN, lambda file: tomli_w.dump(self._plan.to_table(), file))
        if self.is_complete:
            self._journal = None
            return self
        self._read_journal()
        self._journal = os.open(self._folder / JOURNAL, os.O_WRONLY | os.O_APPEND)
        self._synced_s = time.monotonic()
        have = self._lines.keys()
        units = range(self._plan.n_units)
        self.missing = [unit for unit in units if not have >= set(self._plan.unit_indices(unit))]
        return self

    def __exit__(self, *exception: object) -> None:
        if self._journal is not None:
            os.fsync(self._journal)
            os.close(self._journal)
        # Closing gives up the lock; the empty file stays, for removing it could remove another's lock.
        os.close(self._lock)

    @property
    def is_complete(self) -> bool:
        """Whether the finished table is there."""
        return (self._folder / TABLE).exists()

    @property
    def n_rows(self) -> int:
        """Rows there so far."""
        return self._plan.n_samples if self.is_complete else len(self._lines)

    @property
    def n_failed(self) -> int:
        """Rows so far with a reason instead of values."""
        return sum(row[FAILURE] != "" for row in self.rows())

    def add(self, measured: Iterable[tuple[int, list[Row]]]) -> int:
        """Append the rows of units, in one write.

        Returns:
            How many rows were new: those of a unit that was cut off half way are not written again.
        """
        new: dict[int, str] = {}
        for unit, rows in measured:
            for index, row in zip(self._plan.unit_indices(unit), rows, strict=True):
                if index not in self._lines:
                    new[index] = format_row(self._plan, index, row)
        assert self._journal is not None
        _write_all(self._journal, "".join(f"{index},{line}" for index, line in new.items()).encode())
        # A killed process loses nothing that was written; only a power cut needs the disk itself.
        if time.monotonic() - self._synced_s > _SECONDS_BETWEEN_SYNCS:
            os.fsync(self._journal)
            self._synced_s = time.monotonic()
        self._lines |= new
        return len(new)

    def finish(self) -> None:
        """Write table.csv, rows in the order of the grid, and drop the journal."""
        lines = [",".join(self._plan.study.columns) + "\n"]
        lines += [self._lines[index] for index in range(self._plan.n_samples)]
        write_atomically(self._folder / TABLE, lambda file: file.write("".join(lines).encode()))
        (self._folder / JOURNAL).unlink(missing_ok=True)

    def rows(self) -> list[Row]:
        """The rows so far, in the order of the grid."""
        if self.is_complete:
            return read_rows(self._plan.study, (self._folder / TABLE).read_text(encoding="utf-8"))
        header = ",".join(self._plan.study.columns) + "\n"
        return read_rows(self._plan.study, header + "".join(self._lines[k] for k in sorted(self._lines)))

    def _read_journal(self) -> None:
        """Rows of an interrupted run; a line that was cut off is removed."""
        path = self._folder / JOURNAL
        if not path.exists():
            write_atomically(path, lambda file: file.write(self._header.encode()))
            return
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1].decode()
        header, _, rest = whole.partition("\n")
        if f"{header}\n" != self._header:
            raise UsageError(f"{path}: not of this study; allowed: another --out")
        for line in rest.splitlines(keepends=True):
            index, _, row = line.partition(",")
            self._lines[int(index)] = row
        if len(whole.encode()) < len(content):
            os.truncate(path, len(whole.encode()))


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]

"""The folder of a study: rows stream into an append-only journal, which becomes table.csv at the end."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import locked, refuse_foreign
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Row
from photonzero.experiments.sweep.table import (
    COLUMNS,
    KEPT_FOLDER,
    TABLE,
    StudyTable,
    format_row,
    kept_path,
    load_kept,
    read_table,
    write_table,
)
from photonzero.experiments.sweep.work import FAILURE
from photonzero.training.checkpoint import save_checkpoint, write_atomically

_TUNED = ("tuning", "tuned.json")
"""What a comparison finds in its folder where its methods were tuned before it."""

PLAN, JOURNAL, RESULT = "study.toml", "journal.csv", "result.json"

_SECONDS_BETWEEN_SYNCS = 1.0


def check_folder(folder: Path, plan: Plan) -> None:
    """Whether a study can be measured, or continued, in a folder.

    Raises:
        UsageError: it holds another one.
    """
    if (folder / PLAN).exists():
        table = read_toml(folder / PLAN)
        if table.get("study") != plan.name or not (plan.study.key or _is_same(plan, table)):
            raise UsageError(f"{folder}: holds another study; allowed: another --out")
        if not _is_same(plan, table):
            # Results are kept by what they depend on: the folder may go on with other values.
            return
    elif (folder / TABLE).exists() or (folder / JOURNAL).exists():
        raise UsageError(f"{folder}: holds a table without its {PLAN}; allowed: another --out")
    else:
        refuse_foreign(folder, _TUNED)
    if (folder / TABLE).exists():
        read_table(folder, plan)


def _is_same(plan: Plan, table: Mapping[str, Any]) -> bool:
    return plan.like(table).fingerprint == plan.fingerprint


class StudyFolder:
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
        self._header = f"photonzero journal 2,{plan.fingerprint}\n"
        check_folder(folder, plan)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}") from error
        self._lines: dict[int, str] = {}
        self.missing: list[int] = []

    def __enter__(self) -> StudyFolder:
        self._lock = locked(self._folder, "study")
        self._lock.__enter__()
        path = self._folder / PLAN
        if path.exists() and not _is_same(self._plan, read_toml(path)):
            for name in (TABLE, COLUMNS, JOURNAL, RESULT):
                (self._folder / name).unlink(missing_ok=True)
        write_atomically(path, lambda file: tomli_w.dump(self._plan.to_table(), file))
        if self.is_complete:
            self._journal = None
            return self
        self._read_journal()
        self._journal = os.open(self._folder / JOURNAL, os.O_WRONLY | os.O_APPEND)
        self._synced_s = time.monotonic()
        have = self._lines.keys()
        units = range(self._plan.n_units)
        self.missing = [unit for unit in units if not have >= set(self._plan.unit_indices(unit))]
        if self._plan.study.key is not None:
            (self._folder / KEPT_FOLDER).mkdir(exist_ok=True)
            known = {unit: row for unit in self.missing if (row := self._recalled(unit)) is not None}
            self._write({unit: format_row(self._plan, unit, row) for unit, row in known.items()})
            self.missing = [unit for unit in self.missing if unit not in known]
        return self

    def __exit__(self, *exception: object) -> None:
        if self._journal is not None:
            os.fsync(self._journal)
            os.close(self._journal)
        self._lock.__exit__(None, None, None)

    @property
    def is_complete(self) -> bool:
        """Whether the finished table is there."""
        return (self._folder / TABLE).exists()

    @property
    def n_rows(self) -> int:
        """Rows there so far."""
        return self._plan.n_samples if self.is_complete else len(self._lines)

    def add(self, measured: Iterable[tuple[int, list[Row]]]) -> int:
        """Append the rows of units, in one write.

        Returns:
            How many rows were new: those of a unit that was cut off half way are not written again.
        """
        new: dict[int, str] = {}
        for unit, rows in measured:
            for index, row in zip(self._plan.unit_indices(unit), rows, strict=True):
                if index not in self._lines:
                    self._keep(index, row)
                    new[index] = format_row(self._plan, index, row)
        self._write(new)
        return len(new)

    def _key(self, index: int) -> str:
        assert self._plan.study.key is not None
        return self._plan.study.key(self._plan.sample(index))

    def _keep(self, index: int, row: Row) -> None:
        """Keep a result under its key; it is in the folder before it is in the journal."""
        if self._plan.study.key is None or FAILURE in row:
            return
        values = {
            f"row {name}": np.array(value)
            for name, value in row.items()
            if name != KEPT and value is not None
        }
        key = self._key(index)
        path = kept_path(self._folder, key)
        save_checkpoint(path, key, {**values, **row.get(KEPT, {})})
        path.with_suffix(".checkpoint.npz").unlink(missing_ok=True)

    def _recalled(self, index: int) -> Row | None:
        """The row of a sample whose result is kept; None if it is not."""
        key = self._key(index)
        if not kept_path(self._folder, key).exists():
            return None
        kept = load_kept(self._folder, key)
        names = [measured.name for measured in self._plan.study.measured]
        return {name: kept[f"row {name}"].item() for name in names if f"row {name}" in kept}

    def _write(self, new: Mapping[int, str]) -> None:
        assert self._journal is not None
        _write_all(self._journal, b"".join(_journal_line(index, line) for index, line in new.items()))
        # A killed process loses nothing that was written; only a power cut needs the disk itself.
        if time.monotonic() - self._synced_s > _SECONDS_BETWEEN_SYNCS:
            os.fsync(self._journal)
            self._synced_s = time.monotonic()
        self._lines |= new

    def finish(self) -> None:
        """Write table.csv, rows in the order of the grid, and drop the journal."""
        write_table(self._folder, self._plan, self._lines)
        (self._folder / JOURNAL).unlink(missing_ok=True)

    def table(self) -> StudyTable:
        """The finished table."""
        return read_table(self._folder, self._plan)

    def _read_journal(self) -> None:
        """Rows of an interrupted run; a line that was cut off or changed is removed, and measured again."""
        path = self._folder / JOURNAL
        header, *lines = path.read_bytes().splitlines(keepends=True) if path.exists() else [b""]
        older = self._header.replace("journal 2", "journal 1").encode()
        if path.exists() and header not in (self._header.encode(), older):
            raise UsageError(f"{path}: not of this study; allowed: another --out")
        for line in lines:
            # Earlier versions wrote no checksums.
            known = _older_line(line) if header == older else _checked_line(line)
            if known is not None and known[0] in range(self._plan.n_samples):
                self._lines[known[0]] = known[1]
        kept = [_journal_line(index, line) for index, line in self._lines.items()]
        if [header, *lines] != (whole := [self._header.encode(), *kept]):
            write_atomically(path, lambda file: file.writelines(whole))


def _journal_line(index: int, line: str) -> bytes:
    """A row, with its number and a checksum of both before it."""
    content = f"{index},{line}".encode()
    return b"%08x,%s" % (zlib.crc32(content), content)


def _checked_line(line: bytes) -> tuple[int, str] | None:
    """Number and row of a line; None if anything of it has changed since it was written."""
    checksum, _, content = line.partition(b",")
    index, _, row = content.partition(b",")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(content):
        return None
    return int(index), row.decode()


def _older_line(line: bytes) -> tuple[int, str] | None:
    index, _, row = line.partition(b",")
    try:
        return (int(index), row.decode()) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]

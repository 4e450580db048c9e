"""The table of a study as named columns: table.csv, and the same as table.npz, which is read fast."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from photonzero._notebook import html_table
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Row
from photonzero.experiments.sweep.work import FAILURE
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.errors import CheckpointError, OtherCheckpointError
from photonzero.training.oracle import Array

TABLE, COLUMNS, KEPT_FOLDER = "table.csv", "table.npz", "kept"

_TEXT = np.dtypes.StringDType()

_CHUNK = 2**20
"""Bytes that are read at a time."""


@dataclass(frozen=True, repr=False, eq=False)
class StudyTable:
    """The rows of a study, or some of them, column by column.

    Attributes:
        plan: the study.
        columns: arrays (rows,) by name: the axes, chip and seed, what was measured (NaN where a sample failed
            or had nothing to measure), and the reasons of failures, which are empty for all others.
        index: (rows,) places of the rows in the whole table.
        folder: where the study is; None for one that was not read from a folder.
        keeps: what must live as long as the table, such as a temporary folder.
    """

    plan: Plan
    columns: Mapping[str, Array]
    index: Array
    folder: Path | None = None
    keeps: Any = None

    def __getitem__(self, name: str) -> Array:
        if name not in self.columns:
            raise UsageError(f"column: {name!r}; allowed: {', '.join(self.columns)}")
        return self.columns[name]

    def __len__(self) -> int:
        return self.index.size

    def __repr__(self) -> str:
        facts = self._facts()
        return f"<StudyTable {facts['study']}: {facts['rows']}; {facts['varied']} -> {facts['measured']}>"

    def _repr_html_(self) -> str:
        return html_table(self._facts())

    def _facts(self) -> dict[str, str]:
        varied = ", ".join(f"{name} ({len(values)})" for name, values in self.plan.grid.items())
        if self.plan.study.repeated:
            varied += f", {self.plan.chips} chips, {self.plan.seeds} seeds"
        failed = f", {self.n_failed:,} failed" if self.n_failed else ""
        return {
            "study": self.plan.study.name,
            "rows": f"{len(self):,} rows{failed}",
            "varied": varied,
            "measured": ", ".join(measured.name for measured in self.plan.study.measured),
        }

    @property
    def n_failed(self) -> int:
        """Rows with a reason instead of values."""
        return int(np.count_nonzero(self[FAILURE] != ""))

    def where(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> StudyTable:
        """The rows that hold these values, by the names of their columns.

        Args:
            values: for names that are no words of Python, such as ``{"optimizer.n_directions": 6}``.
            **more: for all others.

        Raises:
            UsageError: no such column.
        """
        chosen = np.ones(len(self), dtype=bool)
        for name, value in {**(values or {}), **more}.items():
            # One by one where a cell may be a tuple, which NumPy would take for an array.
            cells = self[name]
            chosen &= [cell == value for cell in cells] if cells.dtype == object else cells == value
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return StudyTable(self.plan, columns, self.index[chosen], self.folder, self.keeps)

    def rows(self) -> list[Row]:
        """A dictionary a row; what was not measured is None."""
        kinds = {measured.name: measured.kind for measured in self.plan.study.measured}
        lists = []
        for name, column in self.columns.items():
            values = column.tolist()
            if name in kinds:
                kind = int if kinds[name] == "int" else float
                values = [None if value != value else kind(value) for value in values]
            lists.append(values)
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*lists, strict=True)]

    def kept(self, row: int) -> dict[str, Array]:
        """What a sample kept beside the table, by name, such as the history of a training.

        Args:
            row: place in this table, from 0.

        Raises:
            UsageError: the study keeps nothing, or the sample failed.
        """
        plan = self.plan
        if plan.study.key is None or self.folder is None:
            raise UsageError(f"study {plan.study.name}: keeps nothing beside its table")
        return load_kept(self.folder, plan.study.key(plan.sample(int(self.index[row]))))

    def to_xarray(self) -> Any:
        """An xarray.Dataset (extra ``xarray``): a dimension an axis, or along ``row`` where rows were chosen.

        Raises:
            UsageError: xarray is not installed.
        """
        xarray = _extra("xarray")
        plan, measured = self.plan, [*(m.name for m in self.plan.study.measured), FAILURE]
        if len(self) != plan.n_samples:
            columns = {name: ("row", _plain_text(column)) for name, column in self.columns.items()}
            return xarray.Dataset(columns, {"row": self.index})
        axes = {name: _axis_values(axis, plan) for name, axis in _axes(plan).items()}
        if plan.study.repeated:
            axes |= {"chip": np.arange(plan.chips), "seed": np.arange(plan.seeds)}
        shape = tuple(len(values) for values in axes.values())
        data = {name: (tuple(axes), _plain_text(self[name]).reshape(shape)) for name in measured}
        return xarray.Dataset(data, {name: _plain_text(values) for name, values in axes.items()})

    def to_parquet(self, path: str | Path) -> None:
        """Write a Parquet file (extra ``parquet``), a column a column.

        Raises:
            UsageError: pyarrow is not installed.
        """
        pyarrow, parquet = _extra("pyarrow"), _extra("pyarrow.parquet")
        table = pyarrow.table({name: _plain_text(column) for name, column in self.columns.items()})
        write_atomically(Path(path), lambda file: parquet.write_table(table, file))


_EXTRAS = {"xarray": "xarray", "pyarrow": "parquet"}


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise UsageError(
            f"{package}: not installed; allowed: pip install 'photonzero[{_EXTRAS[package]}]'"
        ) from error


def _plain_text(column: Array) -> Array:
    """Text as the objects that other libraries take; numbers as they are."""
    return column.astype(object) if column.dtype == _TEXT else column


def _axes(plan: Plan) -> dict[str, Axis]:
    return {axis.name: axis for axis in plan.study.axes}


def _axis_values(axis: Axis, plan: Plan) -> Array:
    values = plan.grid[axis.name]
    if axis.kind == "any":
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.array(values, dtype={"float": np.float64, "int": np.int64, "text": _TEXT}[axis.kind])


def _table(plan: Plan, measured: Mapping[str, Array], failures: Array, folder: Path | None) -> StudyTable:
    """All rows of a plan: axes, chips and seeds are known from it."""
    columns: dict[str, Array] = {}
    parts = {axis.name: _axis_values(axis, plan) for axis in plan.study.axes}
    if plan.study.repeated:
        parts |= {"chip": np.arange(plan.chips), "seed": np.arange(plan.seeds)}
    outer = 1
    for name, values in parts.items():
        inner = plan.n_samples // (outer * len(values))
        columns[name] = np.tile(np.repeat(values, inner), outer)
        outer *= len(values)
    return StudyTable(plan, {**columns, **measured, FAILURE: failures}, np.arange(plan.n_samples), folder)


def format_row(plan: Plan, index: int, row: Row) -> str:
    """One CSV line, the same bits for the same row: floats with all their digits."""
    cells = [_cell(row.get(measured.name)) for measured in plan.study.measured]
    return f"{_prefix(plan, index)}{','.join(cells)},{_quoted(row.get(FAILURE, ''))}\n"


def _prefix(plan: Plan, index: int) -> str:
    """The cells of a row that the plan says: its setting, chip and seed."""
    if not plan.study.repeated:
        return f"{_setting_texts(plan)[index]},"
    setting, rest = divmod(index, plan.chips * plan.seeds)
    chip, seed = divmod(rest, plan.seeds)
    return f"{_setting_texts(plan)[setting]},{chip},{seed},"


@lru_cache(maxsize=4)
def _setting_texts(plan: Plan) -> list[str]:
    kinds = [axis.kind for axis in plan.study.axes]
    return [
        ",".join(_setting_cell(kind, value) for kind, value in zip(kinds, setting.values(), strict=True))
        for setting in plan.settings
    ]


def _setting_cell(kind: str, value: Any) -> str:
    text = json.dumps(value) if kind == "any" else str(value)
    return _quoted(text) if any(sign in text for sign in ',"') else text


def _cell(value: Any) -> str:
    if type(value) is float:
        return repr(value)
    if value is None:
        return ""
    # NumPy's numbers print their type.
    return repr(value.item() if hasattr(value, "item") else value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text else ""


def parse_table(plan: Plan, text: str, folder: Path | None = None) -> StudyTable:
    """The table in the text of a table.csv.

    Raises:
        UsageError: other columns or rows than the plan's, or cells that are not numbers.
    """
    header, *lines = text.splitlines() or [""]
    if header != ",".join(plan.study.columns):
        raise UsageError(f"table: columns {header}; allowed: {','.join(plan.study.columns)}")
    if len(lines) != plan.n_samples:
        raise UsageError(f"table: {len(lines)} rows; allowed: {plan.n_samples}")
    return parse_rows(plan, enumerate(lines), folder)


def parse_rows(plan: Plan, lines: Iterable[tuple[int, str]], folder: Path | None = None) -> StudyTable:
    """The table in numbered CSV lines; rows that are missing have measured nothing.

    Raises:
        UsageError: a line that is not its row's, or cells that are not numbers.
    """
    names = [measured.name for measured in plan.study.measured]
    values = {name: np.full(plan.n_samples, np.nan) for name in names}
    failures = np.full(plan.n_samples, "", dtype=_TEXT)
    for index, line in lines:
        prefix = _prefix(plan, index)
        *cells, failure = line.removeprefix(prefix).rstrip("\n").split(",", len(names))
        if not line.startswith(prefix) or len(cells) != len(names):
            raise UsageError(f"table: row {index} is {line!r}; allowed: {prefix} and {', '.join(names)}")
        for name, cell in zip(names, cells, strict=True):
            if cell:
                try:
                    values[name][index] = float(cell)
                except ValueError as error:
                    raise UsageError(f"table: row {index}: {error}") from error
        if failure:
            failures[index] = failure[1:-1].replace('""', '"')
    measured = {
        m.name: _integers(values[m.name]) if m.kind == "int" else values[m.name] for m in plan.study.measured
    }
    return _table(plan, measured, failures, folder)


def _integers(values: Array) -> Array:
    """Whole numbers, unless one is missing."""
    return values if np.isnan(values).any() else values.astype(np.int64)


def write_table(folder: Path, plan: Plan, lines: Mapping[int, str]) -> None:
    """Write table.csv, rows in the order of the grid, and table.npz, from the lines of all rows."""
    ordered = [lines[index] for index in range(plan.n_samples)]
    content = "".join([",".join(plan.study.columns) + "\n", *ordered]).encode()
    checksum = _checksum([content])
    table = parse_rows(plan, enumerate(ordered))
    failed = np.flatnonzero(table[FAILURE] != "")
    arrays = {f"measured {measured.name}": table[measured.name] for measured in plan.study.measured}
    reasons = "\n".join(str(reason) for reason in table[FAILURE][failed])
    arrays |= {"failed": failed, "reasons": np.frombuffer(reasons.encode(), dtype=np.uint8)}
    save_checkpoint(folder / COLUMNS, checksum, arrays)
    write_atomically(folder / TABLE, lambda file: file.write(content))


def _checksum(parts: Iterable[bytes]) -> str:
    """Of a table's bytes, so that columns are never taken for those of a table that was changed since."""
    size = crc = 0
    for part in parts:
        size, crc = size + len(part), zlib.crc32(part, crc)
    return f"{size} bytes, CRC {crc:08x}"


def read_table(folder: Path, plan: Plan) -> StudyTable:
    """The finished table in a folder.

    Raises:
        UsageError: none there, or not of this plan.
    """
    try:
        with (folder / TABLE).open("rb") as file:
            checksum = _checksum(iter(partial(file.read, _CHUNK), b""))
    except OSError as error:
        raise UsageError(f"{folder / TABLE}: {error.strerror}; the study is not finished") from error
    try:
        arrays = load_checkpoint(folder / COLUMNS, checksum)
    except OtherCheckpointError as error:
        raise UsageError(
            f"{folder / TABLE}: not as it was written; allowed: as it was, or without {COLUMNS} beside it, "
            "and then its rows count as they stand"
        ) from error
    except CheckpointError:
        # A folder of an earlier version.
        try:
            text = (folder / TABLE).read_text(encoding="utf-8")
        except ValueError as failed:
            raise UsageError(f"{folder / TABLE}: no text ({failed})") from failed
        return parse_table(plan, text, folder)
    failures = np.full(plan.n_samples, "", dtype=_TEXT)
    if arrays["failed"].size:
        failures[arrays["failed"]] = arrays["reasons"].tobytes().decode().split("\n")
    measured = {m.name: arrays[f"measured {m.name}"] for m in plan.study.measured}
    return _table(plan, measured, failures, folder)


def kept_path(folder: Path, key: str) -> Path:
    """Where a sample's result is kept."""
    return folder / KEPT_FOLDER / f"{key}.npz"


def load_kept(folder: Path, key: str) -> dict[str, Array]:
    """What is kept of a sample.

    Raises:
        UsageError: nothing.
    """
    try:
        return load_checkpoint(kept_path(folder, key), key)
    except CheckpointError as error:
        raise UsageError(f"{error}; allowed: a sample that was measured and did not fail") from error

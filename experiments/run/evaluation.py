"""What a finished run answers where it is asked, and what sets two runs apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.json_file import read_json
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.run.folder import CHECKPOINT, CONFIG, RESULT
from photonzero.experiments.run.runs import load_outcome
from photonzero.stored import DamagedFileError, load_arrays, write_atomically
from photonzero.training.oracle import Array


def evaluated(folder: Path, points: Path, threads: int | None) -> tuple[list[str], Array]:
    """Answers of a run at the points of a CSV file.

    Args:
        folder: of the run.
        points: a CSV file with a column for each coordinate, named in its first line.
        threads: of the simulator.

    Returns:
        Names of the columns, and the rows (N, n): coordinates, answers, and the exact ones where known.

    Raises:
        UsageError: no run there, or a file without these columns or with anything but numbers.
        CheckpointError: no usable checkpoint there.
    """
    outcome = load_outcome(folder, threads)
    task, objective = outcome.parts.config.task, outcome.parts.objective
    inputs, answers = task.columns(objective)
    rows = read_points(points, inputs)
    controls = outcome.run.optimizer.controls
    found = task.answer(objective, outcome.run.checking, controls, rows).reshape(len(rows), -1)
    exact = task.exact(rows)
    names = [*inputs, *answers, *(() if exact is None else (f"exact_{name}" for name in answers))]
    return names, np.hstack([rows, found, *(() if exact is None else (exact,))])


def read_points(path: Path, names: Sequence[str]) -> Array:
    """Columns of a CSV file of numbers, (N, n), in the order of their names.

    Raises:
        UsageError: names the file, the line and what is allowed.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{path}: no CSV file ({error})") from error
    header = [name.strip() for name in lines[0]] if lines else []
    if sorted(header) != sorted(names):
        few = ", ".join(names[:10]) + (", .." if len(names) > 10 else "")
        raise UsageError(f"{path}: columns {', '.join(header[:10]) or 'none'}; allowed: {few}")
    places = [header.index(name) for name in names]
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            rows.append([float(line[place]) for place in places])
        except (ValueError, IndexError) as error:
            raise UsageError(f"{path}: line {number}: {error}; allowed: {len(names)} numbers") from error
    if not rows or not np.isfinite(rows).all():
        raise UsageError(f"{path}: no points, or some that are not finite; allowed: at least one, finite")
    return np.array(rows)


def write_rows(columns: Sequence[str], rows: Array, out: Path | None) -> str:
    """Rows as CSV text, every number with all its digits; written to a file if one is named."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[repr(value) for value in row] for row in rows.tolist()])
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, lambda file: file.write(text.getvalue().encode()))
    return text.getvalue()


_COMPARED = ("rel_l2", "test_accuracy", "final_loss", "inferences", "steps", "n_controls", "wall_s", "stop")


def differences(folders: Sequence[Path]) -> list[tuple[str, list[str]]]:
    """What sets runs apart: keys of their configurations that differ, and what they have come to.

    Nothing of the runs is executed: only their files are read.

    Returns:
        A name and a text for each run, line by line; last whether their controls are the same bits.

    Raises:
        UsageError: no run there, or damaged files.
    """
    configs = [dict(_flat(_config(folder))) for folder in folders]
    lines = []
    for key in dict.fromkeys(key for config in configs for key in config):
        texts = [_text(config.get(key)) for config in configs]
        if len(set(texts)) > 1:
            lines.append((key, texts))
    results = [_result(folder) for folder in folders]
    for key in _COMPARED:
        if any(key in result for result in results):
            lines.append((key, [_text(result.get(key)) for result in results]))
    first = _controls(folders[0])
    same = ["-" if first is None else "the first"]
    same += [_sameness(first, _controls(folder)) for folder in folders[1:]]
    return [*lines, ("controls", same)]


def _sameness(first: Array | None, other: Array | None) -> str:
    if first is None or other is None:
        return "-"
    if first.shape != other.shape:
        return "another number"
    if np.array_equal(first, other):
        return "the same bits"
    return f"differ by {np.abs(first - other).max():.3g} at most"


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder}: holds no run ({CONFIG} is missing)")
    return read_toml(folder / CONFIG)


def _result(folder: Path) -> dict[str, Any]:
    path = folder / RESULT
    return read_json(path) if path.is_file() else {}


def _controls(folder: Path) -> Array | None:
    try:
        return load_arrays(folder / CHECKPOINT).get("optimizer/x")
    except FileNotFoundError:
        return None
    except (OSError, DamagedFileError) as error:
        raise UsageError(f"{folder / CHECKPOINT}: damaged ({error})") from error


def _flat(table: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        name = f"{path}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, value)]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(value)
    return "-" if value is None else str(value)

"""The folder of a run: configuration, history, checkpoint, and copies of the user's files."""

from __future__ import annotations

import csv
import hashlib
import io
from contextlib import suppress
from pathlib import Path

import tomli_w

from photonzero.experiments.config.older import older_fingerprint
from photonzero.experiments.config.run_config import RunConfig, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import refuse_foreign
from photonzero.experiments.files.toml import read_toml
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.errors import CheckpointError
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS, TrainingRun

CONFIG, HISTORY, CHECKPOINT, RESULT = "config.toml", "history.csv", "checkpoint.npz", "result.json"
SOURCES = "sources"


def new_folder(path: Path | None, label: str) -> Path:
    """An empty folder for a run: the one given, or the next number under runs/.

    Raises:
        UsageError: it holds a run already, or cannot be made.
    """
    try:
        if path is None:
            runs = Path("runs")
            runs.mkdir(exist_ok=True)
            number = 1
            while True:
                try:
                    numbered = runs / f"{label}-{number:03d}"
                    numbered.mkdir()
                    return numbered
                except FileExistsError:
                    number += 1
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    refuse_a_run(path)
    return path


def refuse_a_run(folder: Path) -> None:
    """Refuse a folder that holds a run, or anything else.

    Raises:
        UsageError: it does.
    """
    if (folder / CONFIG).exists():
        raise UsageError(f"{folder}: holds a run already; allowed: another --out, or --resume {folder}")
    refuse_foreign(folder)


def load_config(folder: Path) -> RunConfig:
    """Configuration of an existing run.

    Raises:
        UsageError: no run there.
    """
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder}: holds no run ({CONFIG} is missing)")
    return resolve(read_toml(folder / CONFIG))


def saved_state(config: RunConfig, folder: Path) -> dict[str, Array]:
    """The checkpoint of a run; one that an older version wrote too.

    Raises:
        CheckpointError: no usable checkpoint there.
    """
    path = folder / CHECKPOINT
    try:
        return load_checkpoint(path, config.fingerprint())
    except CheckpointError:
        with suppress(CheckpointError):
            return load_checkpoint(path, older_fingerprint(read_toml(folder / CONFIG)))
        raise


def write_config(config: RunConfig, folder: Path) -> None:
    """Write config.toml, with what the files it depends on are now, and copies of the user's."""
    table, hashes = config.to_table(), config.file_hashes()
    if hashes:
        table["files"] = hashes
    write_atomically(folder / CONFIG, lambda file: tomli_w.dump(table, file))
    for path in config.user_files():
        content = path.read_bytes()
        sources = folder / SOURCES
        sources.mkdir(exist_ok=True)
        # Files of one name from two folders are told apart by their content.
        copy = sources / path.name
        if copy.exists() and copy.read_bytes() != content:
            copy = sources / f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}.py"
        write_atomically(copy, lambda file, content=content: file.write(content))


def write_state(config: RunConfig, run: TrainingRun, folder: Path) -> None:
    """Write the checkpoint of the last completed step, and history.csv."""
    save_checkpoint(folder / CHECKPOINT, config.fingerprint(), run.checkpoint())
    _write_history(folder / HISTORY, run)


def _write_history(path: Path, run: TrainingRun) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HISTORY_COLUMNS)
    for step, inferences, loss, error, wall_s in run.history:
        writer.writerow([int(step), int(inferences), repr(loss), repr(error), f"{wall_s:.3f}"])
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))

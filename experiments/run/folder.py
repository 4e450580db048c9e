"""The folder of a run: configuration, history, checkpoint, and copies of the user's files."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
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


class StateFiles:
    """The checkpoint of the last completed step of a run, and history.csv, in its folder.

    The history is written whole at first and then grows by its new steps, so that writing costs the same
    however long it is. A process that is killed meanwhile may leave half a row at its end: `read_history`.

    Args:
        config: of the run.
        run: the training.
        folder: of the run.
    """

    def __init__(self, config: RunConfig, run: TrainingRun, folder: Path) -> None:
        self._config, self._run, self._folder = config, run, folder
        self._n_rows, self._end = 0, 0

    def write(self) -> None:
        """Bring both files up to date."""
        save_checkpoint(self._folder / CHECKPOINT, self._config.fingerprint(), self._run.checkpoint())
        path = self._folder / HISTORY
        if not self._end or not path.is_file() or path.is_symlink():
            self._n_rows, self._end = 0, 0
        text = _rows(self._run.history[self._n_rows :], header=not self._end)
        if self._end:
            with path.open("r+b") as file:
                file.seek(self._end)
                file.write(text)
        else:
            write_atomically(path, lambda file: file.write(text))
        self._n_rows, self._end = len(self._run.history), self._end + len(text)


def write_state(config: RunConfig, run: TrainingRun, folder: Path) -> None:
    """Write the checkpoint of the last completed step, and history.csv, whole."""
    StateFiles(config, run, folder).write()


def read_history(path: Path) -> list[list[str]]:
    """The cells of the header and of the rows of a history.csv, without half a row at its end."""
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    return list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))


def _rows(history: Sequence[tuple[float, ...]], *, header: bool) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(HISTORY_COLUMNS)
    for step, inferences, loss, error, wall_s in history:
        writer.writerow([int(step), int(inferences), repr(loss), repr(error), f"{wall_s:.3f}"])
    return text.getvalue().encode()

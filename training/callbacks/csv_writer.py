"""Controls of every step, in a file that any program reads."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO

from photonzero.training.callbacks.base import Progress

COLUMNS = ("step", "inferences", "loss", "validation_error")


class ControlsCsv:
    """Writes ``controls.csv``: a row a step, with all controls.

    The row is on disk when the step ends. A training that continues from a checkpoint writes the steps behind
    it anew.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "controls.csv"
        self._file: IO[str] | None = None

    def __call__(self, progress: Progress) -> None:
        """Write a row."""
        if self._file is None:
            self._file = self._opened(progress)
        numbers = (progress.loss, progress.validation_error, *progress.controls.tolist())
        # repr of a float gives the same float again.
        csv.writer(self._file, lineterminator="\n").writerow(
            [progress.step, progress.inferences, *map(repr, numbers)]
        )
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self, progress: Progress) -> IO[str]:
        kept: list[str] = []
        if progress.step > 1 and self._path.is_file():
            lines = self._path.read_text(encoding="utf-8").splitlines()[1:]
            kept = [line for line in lines if int(line.partition(",")[0]) < progress.step]
        header = ",".join((*COLUMNS, *(f"control{k}" for k in range(progress.controls.size))))
        file = self._path.open("w", encoding="utf-8", newline="")
        file.writelines(f"{line}\n" for line in (header, *kept))
        return file

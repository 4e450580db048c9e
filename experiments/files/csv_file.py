"""Tables as CSV files, written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from photonzero.training.checkpoint import write_atomically


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a header and a line a row.

    Args:
        path: the file.
        columns: keys of every row, in this order; without any the file is empty.
        rows: values as they are to be printed.

    Raises:
        OSError: the file cannot be written; an older one stays as it was.
        ValueError: a row with another key.
    """
    text = io.StringIO()
    if columns:
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))

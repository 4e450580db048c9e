"""Checkpoints: flat npz files, written beside their place and renamed, never unpickled."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from photonzero.training.errors import CheckpointError
from photonzero.training.oracle import Array

_FORMAT = "photonzero checkpoint 1"


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` on a temporary file beside `path`, flush it to disk and rename it to `path`.

    A reader finds the old file or the new one, never a part; a full disk leaves the old one.

    Raises:
        OSError: the file cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a run folder is as readable as the process's umask says.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def save_checkpoint(path: Path, fingerprint: str, arrays: Mapping[str, Array]) -> None:
    """Write arrays under `path`.

    Args:
        path: the file.
        fingerprint: identifies the run; `load_checkpoint` wants the same.
        arrays: of numbers or text.

    Raises:
        OSError: the file cannot be written; an older checkpoint stays as it was.
    """
    content = {"format": np.array(_FORMAT), "fingerprint": np.array(fingerprint), **arrays}
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **content))


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Array]:
    """Read arrays back.

    Raises:
        CheckpointError: missing, damaged, not a checkpoint, or of another run.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path}: not found")
    try:
        # Opened here, because NumPy leaves a file open that it finds damaged.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"checkpoint {path}: damaged or not a checkpoint ({error})") from error
    found = str(content.pop("format", "none"))
    if found != _FORMAT:
        raise CheckpointError(f"checkpoint {path}: format {found!r}; allowed: {_FORMAT!r}")
    if str(content.pop("fingerprint", "")) != fingerprint:
        raise CheckpointError(f"checkpoint {path}: belongs to a run with another configuration")
    return content

"""Checkpoints: flat npz files, written beside their place and renamed, never unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from photonzero.stored import DamagedFileError, load_arrays, save_arrays, write_atomically
from photonzero.training.errors import CheckpointError, OtherCheckpointError
from photonzero.training.oracle import Array

__all__ = ["load_checkpoint", "save_checkpoint", "write_atomically"]

_FORMAT = "photonzero checkpoint 1"


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
    save_arrays(path, content)


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Array]:
    """Read arrays back.

    Raises:
        CheckpointError: missing, damaged, or not a checkpoint.
        OtherCheckpointError: of another run.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path}: not found")
    try:
        content = load_arrays(path)
    except (OSError, DamagedFileError) as error:
        raise CheckpointError(f"checkpoint {path}: damaged or not a checkpoint ({error})") from error
    found = str(content.pop("format", "none"))
    if found != _FORMAT:
        raise CheckpointError(f"checkpoint {path}: format {found!r}; allowed: {_FORMAT!r}")
    if str(content.pop("fingerprint", "")) != fingerprint:
        raise OtherCheckpointError(f"checkpoint {path}: belongs to a run with another configuration")
    return content

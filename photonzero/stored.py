"""Files of arrays, written whole or not at all, and read without running what is in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

PARTS = ".*.part"
"""Pattern of the names of files that are being written; those of a killed process stay."""


class DamagedFileError(Exception):
    """Bytes that are not what they should be; says why, and leaves the file's name to who asked for it."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` on a temporary file beside `path`, flush it to disk and rename it to `path`.

    A reader finds the old file or the new one, never a part; a full disk leaves the old one.

    Raises:
        OSError: the file cannot be written; it names `path`, whatever the temporary file is called.
    """
    try:
        _write(path, write)
    except OSError as error:
        # Who reads of an error knows the file, and not its temporary name.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
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


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, compressed: bool = False) -> None:
    """Write arrays of numbers or text as an npz file.

    Raises:
        OSError: the file cannot be written; an older one stays as it was.
        ValueError: an array of objects, which would have to be pickled.
    """
    save: Any = np.savez_compressed if compressed else np.savez
    write_atomically(path, lambda file: save(file, allow_pickle=False, **arrays))


def load_arrays(source: Path | BinaryIO) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file; nothing in it is executed.

    Raises:
        OSError: it cannot be opened.
        DamagedFileError: no npz file, or one that was damaged.
    """
    if isinstance(source, Path):
        # Opened here, because NumPy leaves a file open that it finds damaged.
        with source.open("rb") as file:
            return load_arrays(file)
    try:
        found = np.load(source, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise ValueError("one array, not several by name")
        with found as file:
            return {key: file[key] for key in file.files}
    except Exception as error:
        raise _damaged(error) from error


def load_array(path: Path) -> npt.NDArray[Any]:
    """The array of an npy file; nothing in it is executed.

    Raises:
        OSError: it cannot be opened.
        DamagedFileError: no npy file, or one that was damaged.
    """
    with path.open("rb") as file:
        try:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.ndarray):
                raise ValueError("several arrays, not one")
        except Exception as error:
            raise _damaged(error) from error
    return found


def _damaged(error: Exception) -> DamagedFileError:
    """Whatever the parsers of zip, of npy headers and of texts in them raise is about the file."""
    said = " ".join(str(error).split())
    return DamagedFileError(f"{type(error).__name__}: {said}" if said else type(error).__name__)

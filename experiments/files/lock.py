"""One process at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from photonzero.experiments.files.errors import UsageError
from photonzero.stored import PARTS

LOCK = ".lock"


def refuse_foreign(folder: Path, known: tuple[str, ...] = ()) -> None:
    """Refuse a folder with files in it that a lock or a killed process did not leave.

    Args:
        folder: which need not exist.
        known: names of what may be there all the same.

    Raises:
        UsageError: names one of them.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name not in (LOCK, *known) and not path.match(PARTS):
            raise UsageError(
                f"{folder}: holds {path.name}, not of this command; allowed: a new or an empty folder"
            )


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process; one that dies gives it up, and what it was writing is removed.

    The empty file stays in the folder, for removing it could remove another's lock.

    Args:
        folder: which must exist.
        what: is made there, as errors call it: "study", "run".

    Raises:
        UsageError: another process holds it, or its lock is a link.
    """
    # Opening a lock empties it: through a link that would be another file.
    if (folder / LOCK).is_symlink():
        raise UsageError(f"{folder / LOCK}: is a link; allowed: a file of this folder's own")
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"{folder}: another process works on this {what}") from error
    try:
        for part in folder.rglob(PARTS):
            part.unlink(missing_ok=True)
        yield
    finally:
        lock.release()

"""Tables in JSON files that a user may have damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from photonzero.experiments.files.errors import UsageError


def read_json(path: Path) -> dict[str, Any]:
    """The table of a file.

    Raises:
        UsageError: it is no JSON, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged ({error})") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: damaged ({type(found).__name__}); allowed: a table")
    return found

"""How many processors a process may use; the standard library alone, so that counting them loads nothing."""

from __future__ import annotations

import os


def available_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

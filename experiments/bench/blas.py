"""Hold the NumPy baseline to one thread."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any


def one_blas_thread() -> tuple[Any, bool]:
    """A context with one BLAS thread, and whether it is one: that takes the extra `bench`."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext(), False
    return threadpool_limits(1), True

"""One thread for matrix products, so that equal seeds give equal bits on any number of processors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_depth = 0
_limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold NumPy's and SciPy's matrix products to one thread; as a decorator too.

    The rounding of a product depends on how many threads share it. What the environment says, such as
    OPENBLAS_NUM_THREADS, and what the caller's program uses outside of the context do not matter and do not
    change. Contexts may be nested, and entered by several threads at once: the last one out restores. The
    simulator's own threads, which do the work, are not concerned.
    """
    global _depth, _limit
    # SciPy brings a library of its own, and only what is loaded can be limited.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with _lock:
        _depth += 1
        if _depth == 1:
            _limit = threadpool_limits(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _limit.restore_original_limits()

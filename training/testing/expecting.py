"""What the suites say of errors and of noisy numbers, without a test framework."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from photonzero.training.oracle import Array


@contextmanager
def expected(kind: type[Exception], why: str) -> Iterator[None]:
    """The body must raise that kind of error, in one line; `why` says what for if it does not."""
    said = None
    try:
        yield
    except kind as error:
        said = str(error)
    assert said is not None, f"{why}: {kind.__name__} was expected, and nothing was raised"
    assert "\n" not in said, f"{why}: one line was expected, and not {said}"


def assert_same_mean(one: Array, other: Array, why: str, rounding: float = 1e-5) -> None:
    """Samples (m, ...) of two noisy numbers agree within six standard errors, plus rounding.

    Args:
        one: samples.
        other: as many samples.
        why: what it means if they do not.
        rounding: of the arithmetic, in units of the largest number.
    """
    error = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / len(one))
    allowed = 6.0 * error + rounding * max(float(np.abs(one).max()), 1e-300)
    # Neighbours share a deviation here: that of one number alone is too uncertain from few samples.
    allowed = np.maximum(allowed, 6.0 * float(np.sqrt((error**2).mean())))
    worst = float((np.abs(one.mean(axis=0) - other.mean(axis=0)) / allowed).max())
    assert worst <= 1.0, f"{why}: means differ by {worst:.3g} times what noise and rounding explain"

"""Checks of arguments and of options' fields: each names the argument, its value and what is allowed.

Options are frozen dataclasses that check themselves in ``__post_init__``:

    at_least(self, n_directions=1, n_remembered=0)
    positive(self, "perturb_phase_rad", "initial_damping")
    one_of(self, rounding=("nearest", "stochastic"))
    require(self, "decay", 0 < self.decay <= 1, "above 0 up to 1")

All raise `ArgumentError`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from photonzero.training.errors import ArgumentError

LARGEST = 1e60
"""Of numbers without a limit of their own: what is computed of them is finite."""

LARGEST_COUNT = 2**31 - 1
"""Of things that are counted."""

MOST_DRAWN = 1_000_000
"""Of directions, pairs and the like that a stencil draws: each is an inference a point at least."""


def is_number(value: object) -> bool:
    """Whether a value is a real number, NaN and infinity included."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def plain(number: float) -> float:
    """A number of Python: one of NumPy's compares with its own kind only."""
    return number.item() if isinstance(number, np.number) else number


def at_least(options: object, **lowest: float) -> None:
    """Fields that are numbers no smaller than the one given for each, or None where a field may be none."""
    for name, low in lowest.items():
        value = getattr(options, name)
        require(options, name, value is None or value >= low, f">= {low:g}")
        if name.startswith("n_") and isinstance(value, int):
            require(options, name, value <= LARGEST_COUNT, f"{low:g} to {LARGEST_COUNT}")


def positive(options: object, *names: str) -> None:
    """Fields that are finite numbers above 0."""
    for name in names:
        value = getattr(options, name)
        require(options, name, 0 < value <= LARGEST, "> 0, and finite")


def one_of(options: object, **choices: Iterable[str]) -> None:
    """Fields that are one of the words given for each."""
    for name, allowed in choices.items():
        value = getattr(options, name)
        if value not in tuple(allowed):
            raise ArgumentError(f"{name}: {value!r}; allowed: {', '.join(allowed)}")


def require(options: object, name: str, holds: bool, allowed: str) -> None:
    """A field of which something else `holds`, which `allowed` says in words."""
    if not holds:
        raise ArgumentError(f"{name}: {getattr(options, name)}; allowed: {allowed}")


def checked_positive(number: float, name: str) -> None:
    """Reject an argument that is not a finite number above 0."""
    if not (is_number(number) and 0 < plain(number) <= LARGEST):
        raise ArgumentError(f"{name}: {number!r}; allowed: finite numbers > 0")


def checked_count(number: int, name: str, least: int = 1, most: int = LARGEST_COUNT) -> None:
    """Reject an argument that is not an integer from `least` to `most`."""
    valid = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not (valid and least <= number <= most):
        raise ArgumentError(f"{name}: {number!r}; allowed: integers >= {least}, up to {most}")

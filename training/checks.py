"""Checks of arguments and of options' fields: each names the argument, its value and what is allowed.

Options are frozen dataclasses that check themselves in ``__post_init__``:

    at_least(self, n_directions=1, n_remembered=0)
    positive(self, "perturb_phase_rad", "initial_damping")
    one_of(self, rounding=("nearest", "stochastic"))
    require(self, "decay", 0 < self.decay <= 1, "above 0 up to 1")

All raise `ArgumentError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from photonzero.training.errors import ArgumentError


def at_least(options: object, **lowest: float) -> None:
    """Fields that are numbers no smaller than the one given for each, or None where a field may be none."""
    for name, low in lowest.items():
        value = getattr(options, name)
        require(options, name, value is None or value >= low, f">= {low:g}")


def positive(options: object, *names: str) -> None:
    """Fields that are finite numbers above 0."""
    for name in names:
        value = getattr(options, name)
        require(options, name, math.isfinite(value) and value > 0, "> 0")


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
    valid = isinstance(number, int | float | np.number) and not isinstance(number, bool)
    if not (valid and np.isfinite(number) and number > 0):
        raise ArgumentError(f"{name}: {number!r}; allowed: finite numbers > 0")


def checked_count(number: int, name: str, least: int = 1) -> None:
    """Reject an argument that is not an integer of at least `least`."""
    valid = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not (valid and number >= least):
        raise ArgumentError(f"{name}: {number!r}; allowed: integers >= {least}")

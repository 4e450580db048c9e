"""One-dimensional families by name."""

from __future__ import annotations

from collections.abc import Callable

from photonzero.training.errors import ArgumentError
from photonzero.training.quadrature.genz_keister import genz_keister, kronrod_patterson
from photonzero.training.quadrature.one_dim import HalfRule, gauss_hermite

FAMILIES: dict[str, Callable[[int], HalfRule]] = {
    "gauss-hermite": gauss_hermite,
    "genz-keister": genz_keister,
    "kronrod-patterson": kronrod_patterson,
}
"""Families of rules by name; a rule of level l is exact up to degree 2 l - 1 at least."""


def family_rule(family: str, level: int) -> HalfRule:
    """The rule of a level.

    Raises:
        ArgumentError: unknown family, or a level below 1 or above the last of the family.
    """
    if family not in FAMILIES:
        raise ArgumentError(f"family: {family!r}; allowed: {', '.join(sorted(FAMILIES))}")
    if level < 1:
        raise ArgumentError(f"level: {level}; allowed: integers >= 1")
    return FAMILIES[family](level)

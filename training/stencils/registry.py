"""Derivative rules by the names the command knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from photonzero.training.errors import ArgumentError
from photonzero.training.stencils.base import DerivativeRule
from photonzero.training.stencils.central import CentralDifference
from photonzero.training.stencils.hutchinson import HutchinsonDirections
from photonzero.training.stencils.sampled import SampledDimensions
from photonzero.training.stencils.stein import SteinSparseGrid
from photonzero.training.stencils.stein_monte_carlo import SteinMonteCarlo

_RULES: dict[str, tuple[Callable[..., DerivativeRule], type, tuple[str, ...]]] = {
    "central": (partial(CentralDifference, order=2), CentralDifference, ("order",)),
    "central4": (partial(CentralDifference, order=4), CentralDifference, ("order",)),
    "sparse-grid": (SteinSparseGrid, SteinSparseGrid, ()),
    "stein-mc": (SteinMonteCarlo, SteinMonteCarlo, ()),
    "hutchinson": (HutchinsonDirections, HutchinsonDirections, ()),
    "sampled-dims": (SampledDimensions, SampledDimensions, ()),
}


def rule_names() -> tuple[str, ...]:
    """Names of all rules."""
    return tuple(_RULES)


def rule_options(name: str) -> dict[str, Any]:
    """Options of a rule and their defaults.

    Raises:
        ArgumentError: unknown name; lists the known ones.
    """
    if name not in _RULES:
        raise ArgumentError(f"derivatives: {name!r}; allowed: {', '.join(_RULES)}")
    _, cls, fixed = _RULES[name]
    assert is_dataclass(cls)
    return {f.name: f.default for f in fields(cls) if f.init and f.name not in fixed}


def make_rule(name: str, **options: Any) -> DerivativeRule:
    """A derivative rule by name.

    Args:
        name: one of `rule_names`.
        **options: see `rule_options`.

    Raises:
        ArgumentError: unknown name or option, or a value the rule rejects; says what is allowed.
    """
    known = rule_options(name)
    for option in options:
        if option not in known:
            raise ArgumentError(f"option of {name!r}: {option!r}; allowed: {', '.join(sorted(known))}")
    return _RULES[name][0](**options)

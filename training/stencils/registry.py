"""Derivative rules by the names that the command knows, of installed packages, and in users' files."""

from __future__ import annotations

import inspect
from typing import Any

from photonzero.registry import Registry
from photonzero.training.errors import ArgumentError
from photonzero.training.stencils.base import DerivativeRule, RuleEntry

_ROOM = "photonzero.training.stencils"


def _checked(name: str, value: Any) -> RuleEntry:
    """The entry of a user's class of rules: its arguments are the options, each with a default."""
    if isinstance(value, RuleEntry):
        return value
    what = f"stencil rule {name!r}"
    if not _is_rule_class(value):
        raise ArgumentError(f"{what}: no rule; allowed: a class with a name and stencil(dim, rng, request)")
    missing = sorted(getattr(value, "__abstractmethods__", ()))
    if missing:
        raise ArgumentError(f"{what}: no {', '.join(missing)}; allowed: a class that says them")
    entry = RuleEntry((inspect.getdoc(value) or "without a description").splitlines()[0], value)
    for option, default in entry.options.items():
        if default is inspect.Parameter.empty:
            raise ArgumentError(f"{what}: option {option!r} has no default; allowed: one for every option")
    return entry


def _is_rule_class(value: Any) -> bool:
    return inspect.isclass(value) and callable(getattr(value, "stencil", None)) and hasattr(value, "name")


RULES: Registry[RuleEntry] = Registry(
    kind="stencil rule",
    builtin={
        "central": f"{_ROOM}.central:CENTRAL",
        "central4": f"{_ROOM}.central:CENTRAL4",
        "sparse-grid": f"{_ROOM}.stein:RULE",
        "stein-mc": f"{_ROOM}.stein_monte_carlo:RULE",
        "hutchinson": f"{_ROOM}.hutchinson:RULE",
        "sampled-dims": f"{_ROOM}.sampled:RULE",
    },
    error=ArgumentError,
    check=_checked,
    is_own=_is_rule_class,
    group="photonzero.stencils",
)
"""What makes the rules, by name."""


def rule_options(name: str) -> dict[str, Any]:
    """Options of a rule and their defaults.

    Raises:
        ArgumentError: no such rule, with the names that are allowed.
    """
    return RULES.get(name).options


def make_rule(name: str, **options: Any) -> DerivativeRule:
    """A derivative rule by name.

    Args:
        name: name of a rule, or a user's class in a file, ``my.py:MyRule``.
        **options: see `rule_options`.

    Raises:
        ArgumentError: unknown name or option, or a value the rule rejects; says what is allowed.
    """
    entry = RULES.get(name)
    for option in options:
        if option not in entry.options:
            allowed = ", ".join(sorted(entry.options)) or "none"
            raise ArgumentError(f"option of {name!r}: {option!r}; allowed: {allowed}")
    return entry.make(**options)

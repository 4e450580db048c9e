"""Problems by the names the command knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from training.errors import ArgumentError
from training.problems.base import PDE
from training.problems.black_scholes import BlackScholes
from training.problems.hjb import HJB

_PROBLEMS: Mapping[str, Callable[[], PDE]] = MappingProxyType(
    {"hjb20": lambda: HJB(20), "hjb2": lambda: HJB(2), "black-scholes": BlackScholes}
)


def problem_names() -> tuple[str, ...]:
    """Names that `get_problem` knows."""
    return tuple(_PROBLEMS)


def get_problem(name: str) -> PDE:
    """The problem of that name.

    Raises:
        ArgumentError: no such problem; lists the allowed names.
    """
    if name not in _PROBLEMS:
        raise ArgumentError(f"problem: {name!r}; allowed: {', '.join(_PROBLEMS)}")
    return _PROBLEMS[name]()

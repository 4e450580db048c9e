"""PDE problems and the names the command knows them by."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from training.errors import ArgumentError
from training.problems.base import Derivatives, Problem
from training.problems.hjb import HJB

_PROBLEMS: Mapping[str, Callable[[], Problem]] = MappingProxyType(
    {"hjb20": lambda: HJB(20), "hjb2": lambda: HJB(2)}
)


def problem_names() -> tuple[str, ...]:
    """Names that `get_problem` knows."""
    return tuple(_PROBLEMS)


def get_problem(name: str) -> Problem:
    """The problem of that name.

    Raises:
        ArgumentError: no such problem; lists the allowed names.
    """
    if name not in _PROBLEMS:
        raise ArgumentError(f"problem: {name!r}; allowed: {', '.join(_PROBLEMS)}")
    return _PROBLEMS[name]()


__all__ = ["HJB", "Derivatives", "Problem", "get_problem", "problem_names"]

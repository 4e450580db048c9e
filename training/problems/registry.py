"""Problems by the names the command knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from training.errors import ArgumentError
from training.problems.base import PDE
from training.problems.basket import Basket5
from training.problems.black_scholes import BlackScholes
from training.problems.burgers import Burgers
from training.problems.darcy import Darcy, DarcyRandom
from training.problems.heat import Heat
from training.problems.hjb import HJB
from training.problems.hjb_log import HJBLog
from training.problems.kovasznay import Kovasznay
from training.problems.manufactured import AllenCahn10, Poisson10
from training.problems.user import is_file_problem, load_file_problem

_PROBLEMS: Mapping[str, Callable[[], PDE]] = MappingProxyType(
    {
        "hjb20": lambda: HJB(20),
        "hjb2": lambda: HJB(2),
        "hjb20-log": lambda: HJBLog(20),
        "hjb100-log": lambda: HJBLog(100),
        "black-scholes": BlackScholes,
        "basket5": Basket5,
        "burgers": Burgers,
        "darcy": Darcy,
        "darcy-random": DarcyRandom,
        "heat": Heat,
        "poisson10": Poisson10,
        "allen-cahn10": AllenCahn10,
        "kovasznay": Kovasznay,
    }
)


def problem_names() -> tuple[str, ...]:
    """Names that `get_problem` knows."""
    return tuple(_PROBLEMS)


def get_problem(name: str) -> PDE:
    """The problem of that name, or of a user's class in a file, ``my_pde.py:MyProblem``.

    Raises:
        ArgumentError: no such problem; lists the allowed names.
        ProblemError: a user's file that cannot be used.
    """
    if is_file_problem(name):
        return load_file_problem(name)
    if name not in _PROBLEMS:
        raise ArgumentError(f"problem: {name!r}; allowed: {', '.join(_PROBLEMS)}, or file.py:Class")
    return _PROBLEMS[name]()

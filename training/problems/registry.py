"""Problems by the names the command knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from photonzero.training.errors import ArgumentError
from photonzero.training.pde.base import PDE
from photonzero.training.pde.user import is_file_problem, load_file_problem
from photonzero.training.problems.basket import Basket5
from photonzero.training.problems.black_scholes import BlackScholes
from photonzero.training.problems.burgers import Burgers
from photonzero.training.problems.darcy import Darcy, DarcyRandom
from photonzero.training.problems.heat import Heat
from photonzero.training.problems.hjb import HJB
from photonzero.training.problems.hjb_log import HJBLog
from photonzero.training.problems.kovasznay import Kovasznay
from photonzero.training.problems.manufactured import AllenCahn10, Poisson10

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

"""Problems by name: the project's own, those of installed packages, and a user's ``file.py:Class``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from photonzero.registry import Registry
from photonzero.training.errors import ProblemError, TrainingError
from photonzero.training.pde import PDE

_ROOM = "photonzero.training.problems"


def _is_problem_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, PDE)


def _checked(name: str, value: Any) -> Callable[[], PDE]:
    """What makes a problem: its class, with arguments or without, or the problem itself."""
    if isinstance(value, PDE):
        return lambda: value
    cls: Any = value.func if isinstance(value, partial) else value
    if not _is_problem_class(cls):
        raise ProblemError(f"problem {name!r}: no PDE; allowed: a class derived from {_ROOM}.PDE")
    missing = sorted(cls.__abstractmethods__)
    if missing:
        raise ProblemError(
            f"{cls.__name__}: no method {', '.join(missing)}; allowed: def residual(self, at, u)"
        )

    def made() -> PDE:
        try:
            return value()
        except TrainingError:
            raise
        except Exception as error:
            # Whatever a user's class raises is an error of the class.
            raise ProblemError(f"problem {name!r}: {type(error).__name__}: {error}") from error

    return made


PROBLEMS: Registry[Callable[[], PDE]] = Registry(
    kind="problem",
    builtin={
        "hjb20": f"{_ROOM}.hjb:HJB",
        "hjb2": f"{_ROOM}.hjb:HJB2",
        "hjb20-log": f"{_ROOM}.hjb_log:HJBLog",
        "hjb100-log": f"{_ROOM}.hjb_log:HJBLog100",
        "black-scholes": f"{_ROOM}.black_scholes:BlackScholes",
        "basket5": f"{_ROOM}.basket:Basket5",
        "burgers": f"{_ROOM}.burgers:Burgers",
        "burgers-plain": f"{_ROOM}.burgers:BurgersPlain",
        "darcy": f"{_ROOM}.darcy:Darcy",
        "darcy-random": f"{_ROOM}.darcy_random:DarcyRandom",
        "helmholtz": f"{_ROOM}.helmholtz:Helmholtz",
        "heat": f"{_ROOM}.heat:Heat",
        "poisson10": f"{_ROOM}.poisson:Poisson10",
        "allen-cahn": f"{_ROOM}.allen_cahn_line:AllenCahn",
        "allen-cahn10": f"{_ROOM}.allen_cahn:AllenCahn10",
        "ridge6": f"{_ROOM}.ridge:Ridge",
        "ridge20": f"{_ROOM}.ridge:Ridge20",
        "klein-gordon": f"{_ROOM}.klein_gordon:KleinGordon",
        "kovasznay": f"{_ROOM}.kovasznay:Kovasznay",
    },
    error=ProblemError,
    check=_checked,
    is_own=_is_problem_class,
)
"""What makes each problem, by name."""


def get_problem(name: str) -> PDE:
    """The problem of that name, or of a user's class in a file, ``my_pde.py:MyProblem``.

    Raises:
        ProblemError: no such problem, with the names that are allowed, or a user's file that cannot be used.
    """
    return PROBLEMS.get(name)()

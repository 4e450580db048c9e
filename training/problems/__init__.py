"""PDE problems and the names the command knows them by."""

from training.problems.base import PDE, Condition
from training.problems.black_scholes import BlackScholes
from training.problems.fields import Field
from training.problems.hjb import HJB
from training.problems.registry import get_problem, problem_names
from training.problems.space import Coordinates
from training.problems.user import file_hash, is_file_problem, split_file_problem

__all__ = [
    "HJB",
    "PDE",
    "BlackScholes",
    "Condition",
    "Coordinates",
    "Field",
    "file_hash",
    "get_problem",
    "is_file_problem",
    "problem_names",
    "split_file_problem",
]

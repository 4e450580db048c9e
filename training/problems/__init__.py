"""PDE problems and the names the command knows them by."""

from photonzero.training.pde.base import PDE, Condition
from photonzero.training.pde.fields import Field
from photonzero.training.pde.space import Coordinates
from photonzero.training.pde.user import file_hash, is_file_problem, split_file_problem
from photonzero.training.problems.black_scholes import BlackScholes
from photonzero.training.problems.hjb import HJB
from photonzero.training.problems.registry import get_problem, problem_names

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

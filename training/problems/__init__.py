"""The library of PDEs, one a file, by the names that the command knows them by.

What they are written in is `photonzero.training.pde`; a user's file imports it from there or from here.
"""

from photonzero.training.pde import PDE, Condition, Coordinates, Field
from photonzero.training.problems.black_scholes import BlackScholes
from photonzero.training.problems.hjb import HJB
from photonzero.training.problems.registry import PROBLEMS, get_problem

__all__ = ["HJB", "PDE", "PROBLEMS", "BlackScholes", "Condition", "Coordinates", "Field", "get_problem"]

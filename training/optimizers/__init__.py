"""Optimizers that ask for settings to measure and are told what was measured."""

from training.optimizers.base import Candidates, Optimizer, Start, start_on
from training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from training.optimizers.registry import Method, get_method, optimizer_names
from training.optimizers.rge_adam import RgeAdam, RgeAdamOptions

__all__ = [
    "Candidates",
    "GaussNewtonOptions",
    "Method",
    "Optimizer",
    "RgeAdam",
    "RgeAdamOptions",
    "Start",
    "SubspaceGaussNewton",
    "get_method",
    "optimizer_names",
    "start_on",
]

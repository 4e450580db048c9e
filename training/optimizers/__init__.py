"""Optimizers that ask for settings to measure and are told what was measured."""

from training.optimizers.base import Candidates, Optimizer
from training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from training.optimizers.rge_adam import RgeAdam, RgeAdamOptions

__all__ = [
    "Candidates",
    "GaussNewtonOptions",
    "Optimizer",
    "RgeAdam",
    "RgeAdamOptions",
    "SubspaceGaussNewton",
]

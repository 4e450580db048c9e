"""Optimizers that ask for settings to measure and are told what was measured."""

from training.optimizers.base import Candidates, Optimizer, Start, start_on
from training.optimizers.forward_gradient import ForwardGradient, GradientOptions
from training.optimizers.frozen import PartialOptimizer
from training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from training.optimizers.registry import Method, get_method, optimizer_names

__all__ = [
    "Candidates",
    "ForwardGradient",
    "GaussNewtonOptions",
    "GradientOptions",
    "Method",
    "Optimizer",
    "PartialOptimizer",
    "Start",
    "SubspaceGaussNewton",
    "get_method",
    "optimizer_names",
    "start_on",
]

"""Optimizers that ask for settings to measure and are told what was measured."""

from photonzero.training.optimizers.base import (
    Candidates,
    CountsOperations,
    Method,
    Optimizer,
    Start,
    start_on,
)
from photonzero.training.optimizers.forward_gradient import ForwardGradient, GradientOptions
from photonzero.training.optimizers.frozen import PartialOptimizer, partly_trained
from photonzero.training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from photonzero.training.optimizers.population import PopulationOptimizer
from photonzero.training.optimizers.registry import OPTIMIZERS, get_method, optimizer_names

__all__ = [
    "OPTIMIZERS",
    "Candidates",
    "CountsOperations",
    "ForwardGradient",
    "GaussNewtonOptions",
    "GradientOptions",
    "Method",
    "Optimizer",
    "PartialOptimizer",
    "PopulationOptimizer",
    "Start",
    "SubspaceGaussNewton",
    "get_method",
    "optimizer_names",
    "partly_trained",
    "start_on",
]

"""Gradients estimated from losses alone."""

from photonzero.training.estimators.base import GradientEstimator, Probes
from photonzero.training.estimators.coordinates import CoordinateWise, Hybrid
from photonzero.training.estimators.groups import GroupDirections, ImportantGroups
from photonzero.training.estimators.random_directions import (
    DISTRIBUTIONS,
    Distribution,
    RandomDirections,
    draw_directions,
)

__all__ = [
    "DISTRIBUTIONS",
    "CoordinateWise",
    "Distribution",
    "GradientEstimator",
    "GroupDirections",
    "Hybrid",
    "ImportantGroups",
    "Probes",
    "RandomDirections",
    "draw_directions",
]

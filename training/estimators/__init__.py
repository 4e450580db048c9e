"""Gradients estimated from losses alone."""

from training.estimators.base import GradientEstimator, Probes
from training.estimators.coordinates import CoordinateWise, Hybrid
from training.estimators.groups import GroupDirections, ImportantGroups
from training.estimators.random_directions import (
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

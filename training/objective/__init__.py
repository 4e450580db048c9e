"""What is minimised: measured residuals, and the losses that are functions of them."""

from photonzero.training.objective.base import (
    Evaluation,
    HasZeroError,
    KnownBatch,
    KnownLoss,
    KnownTask,
    MeanSquare,
    Objective,
    OutputLoss,
    QuadraticModel,
)
from photonzero.training.objective.pinn import Continuation, PinnObjective, PointOptions

__all__ = [
    "Continuation",
    "Evaluation",
    "HasZeroError",
    "KnownBatch",
    "KnownLoss",
    "KnownTask",
    "MeanSquare",
    "Objective",
    "OutputLoss",
    "PinnObjective",
    "PointOptions",
    "QuadraticModel",
]

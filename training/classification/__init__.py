"""Classification from forward measurements alone."""

from photonzero.training.classification.batches import BatchOptions
from photonzero.training.classification.cross_entropy import CrossEntropy
from photonzero.training.classification.dataset import Dataset
from photonzero.training.classification.images import ImageFrame, draw_shifts, shifted
from photonzero.training.classification.objective import ClassificationObjective

__all__ = [
    "BatchOptions",
    "ClassificationObjective",
    "CrossEntropy",
    "Dataset",
    "ImageFrame",
    "draw_shifts",
    "shifted",
]

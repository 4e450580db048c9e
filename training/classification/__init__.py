"""Classification from forward measurements alone."""

from training.classification.batches import BatchOptions
from training.classification.cross_entropy import CrossEntropy
from training.classification.dataset import Dataset
from training.classification.images import ImageFrame, draw_shifts, shifted
from training.classification.objective import ClassificationObjective

__all__ = [
    "BatchOptions",
    "ClassificationObjective",
    "CrossEntropy",
    "Dataset",
    "ImageFrame",
    "draw_shifts",
    "shifted",
]

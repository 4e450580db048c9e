"""Classification from forward measurements alone."""

from training.classification.cross_entropy import CrossEntropy
from training.classification.dataset import Dataset
from training.classification.objective import ClassificationObjective

__all__ = ["ClassificationObjective", "CrossEntropy", "Dataset"]

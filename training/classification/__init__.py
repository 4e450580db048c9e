"""Classification from forward measurements alone."""

from training.classification.batches import BatchOptions
from training.classification.cross_entropy import CrossEntropy
from training.classification.dataset import Dataset
from training.classification.objective import ClassificationObjective

__all__ = ["BatchOptions", "ClassificationObjective", "CrossEntropy", "Dataset"]

"""Which samples a batch takes: more of them as training goes on, and more of those that are still wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from photonzero.training.checks import at_least, require
from photonzero.training.oracle import Array

_UNIFORM_SHARE = 0.2
"""Part of a batch that is drawn whatever the chip answers: no weight exceeds five."""


@dataclass(frozen=True)
class BatchOptions:
    """Settings of the batches of `ClassificationObjective`.

    Attributes:
        growth: batch k has ``batch_size (1 + growth k)`` samples, up to all of them: far from the goal a few
            show the way, near it their noise is all that is left.
        pool: 1 takes samples as they come. Above, so many times as many are first presented to the first
            setting asked for, and the batch is drawn from them by `choose`.
        shift_px: images are moved by up to so many pixels, drawn anew whenever one is taken, to each side and
            up and down: a net on few images learns them by heart.
    """

    growth: float = 0.0
    pool: int = 1
    shift_px: int = 0

    def __post_init__(self) -> None:
        require(self, "growth", np.isfinite(self.growth) and self.growth >= 0, ">= 0")
        at_least(self, pool=1, shift_px=0)


def choose(logits: Array, labels: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Samples of a pool for a batch: the more wrong the answer, the more likely.

    A sample's part in gradient and curvature grows with ``|p - y|``, which is next to nothing for most of the
    samples of a half-trained classifier. The chance to be chosen is proportional to it [katharopoulos2018],
    mixed with the uniform one, at most 1; the weight is its inverse, so that weighted means over batches are
    those over the pool. Systematic sampling: no sample twice.

    Args:
        logits: answers of the pool of N samples, (N, c).
        labels: right classes of the pool, (N,).
        size: number of samples of the batch, at most N.
        rng: what the start of the systematic sampling is drawn from.

    Returns:
        Places of the chosen samples in the pool and their weights, (size,) each.
    """
    n = len(labels)
    error = softmax(logits, axis=1)
    error[np.arange(n), labels] -= 1.0
    score = np.linalg.norm(error, axis=1)
    mean = float(score.mean())
    # Where no answer is wrong only the uniform part is left.
    score = _UNIFORM_SHARE + (1 - _UNIFORM_SHARE) * score / (mean or 1.0)
    chance = np.zeros(n)
    certain = np.zeros(n, dtype=bool)
    while True:
        # Those that would be chosen more than once are certain; the others share the remaining places.
        rest = ~certain
        chance[certain] = 1.0
        chance[rest] = (size - certain.sum()) * score[rest] / score[rest].sum()
        above = rest & (chance > 1.0)
        if not above.any():
            break
        certain |= above
    ends = np.cumsum(chance)
    ends *= size / ends[-1]
    chosen = np.searchsorted(ends, np.arange(size) + rng.random(), side="right")
    chosen = np.minimum(chosen, n - 1)
    return chosen, size / (n * chance[chosen])

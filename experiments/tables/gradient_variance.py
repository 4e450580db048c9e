"""How far gradients from random directions are from the true one, measured on a network without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.devices.noise_model import preset
from photonzero.experiments.tables.first_order import ExactNetwork
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.classification import CrossEntropy, Dataset
from photonzero.training.estimators import RandomDirections

_PERTURBATION = 0.02
"""Of each control, in units of its group's scale: what `GradientOptions` takes."""


@dataclass(frozen=True)
class Spread:
    """Estimates of one gradient, in units of the scales of the controls.

    Attributes:
        chip: design.
        parameters: n.
        n_directions: K, antithetic pairs.
        inferences: of one estimate.
        relative_variance: mean of ``|estimate - gradient|^2 / |gradient|^2``.
        predicted: ``(n - 1) / K``, see `photonzero.training.estimators.random_directions`.
        mean_cosine: between estimate and gradient.
    """

    chip: str
    parameters: int
    n_directions: int
    inferences: int
    relative_variance: float
    predicted: float
    mean_cosine: float

    def in_words(self) -> str:
        """One line."""
        return (
            f"{self.chip}: {self.inferences:,} inferences an estimate, variance {self.relative_variance:.3g} "
            f"|gradient|^2 ({self.predicted:.3g} predicted), mean cosine {self.mean_cosine:.4f}"
        )


def gradient_spread(
    chip_name: str, data: Dataset, *, n_directions: int, batch_size: int, n_estimates: int, seed: int
) -> Spread:
    """Estimate the gradient at initial controls again and again, on one batch, and compare.

    Args:
        chip_name: a design of the weight domain, so that the exact gradient is known.
        data: the batch is the start of its training part.
        n_directions: K, Rademacher and antithetic.
        batch_size: B.
        n_estimates: independent estimates.
        seed: of controls and directions.
    """
    design = get_design(chip_name)
    chip = fabricate(design, preset("ideal"), seed)
    network = ExactNetwork(design)
    rng = np.random.default_rng(seed)
    x = chip.initial_controls(rng)
    inputs, labels = data.train[0][:batch_size], data.train[1][:batch_size]
    _, gradient = network.loss_and_gradient(x, inputs, labels)
    gradient *= network.scales
    length = float(np.linalg.norm(gradient))
    loss = CrossEntropy(labels, data.n_classes)
    estimator = RandomDirections(x.size, n_directions, "rademacher", True)
    variances, cosines = [], []
    for step in range(n_estimates):
        probes = estimator.probes(step, rng)
        # One setting after the other: of the dense network a population would fill the memory.
        losses = np.array(
            [
                loss.losses(
                    chip.measure((x + _PERTURBATION * network.scales * offset)[None], inputs).reshape(1, -1)
                )[0]
                for offset in probes.offsets
            ]
        )
        estimate = probes.gradient(losses) / _PERTURBATION
        variances.append(float(((estimate - gradient) ** 2).sum()) / length**2)
        cosines.append(float(estimate @ gradient) / (length * float(np.linalg.norm(estimate))))
    return Spread(
        chip_name,
        x.size,
        n_directions,
        2 * n_directions * batch_size,
        float(np.mean(variances)),
        (x.size - 1) / n_directions,
        float(np.mean(cosines)),
    )

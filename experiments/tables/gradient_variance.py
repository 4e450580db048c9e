"""How far gradients from random directions are from the true one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from photonzero.devices.noise_model import preset
from photonzero.experiments.tables.first_order import ExactNetwork
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.classification import CrossEntropy, Dataset
from photonzero.training.estimators import RandomDirections
from photonzero.training.oracle import Array

_PERTURBATION = 0.02
"""Of each control, in units of its group's scale: what `GradientOptions` takes."""


def measured_variance(
    losses_of: Callable[[Array], Array],
    n_controls: int,
    n_directions: int,
    n_estimates: int,
    rng: np.random.Generator,
    *,
    gradient: Array | None = None,
    unit: float = 1.0,
) -> tuple[float, float]:
    """Variance of estimates from antithetic Rademacher pairs, in units of the squared gradient.

    Args:
        losses_of: from offsets (P, n_controls) of a setting to losses (P,) on one batch.
        n_controls: number of controls.
        n_directions: pairs K of an estimate.
        n_estimates: independent estimates.
        rng: of the directions.
        gradient: (n_controls,) the exact one. Without it, it is not needed: with slopes s along the
            directions, ``E s^2 = |gradient|^2``, and the estimate's length is the variance plus that.
        unit: of the offsets, in those of `gradient`.

    Returns:
        The variance, and the mean cosine between estimate and gradient; NaN without the exact one. A
        quadratic has the variance ``(n_controls - 1) / n_directions``.
    """
    estimator = RandomDirections(n_controls, n_directions, "rademacher", True)
    squares, lengths, distances, cosines = [], [], [], []
    for step in range(n_estimates):
        probes = estimator.probes(step, rng)
        losses = losses_of(probes.offsets)
        estimate = probes.gradient(losses) / unit
        slopes = (losses[:n_directions] - losses[n_directions:]) / 2
        squares.append(float((slopes**2).mean()))
        lengths.append(float((estimate**2).sum()))
        if gradient is not None:
            distances.append(float(((estimate - gradient) ** 2).sum()) / float(np.linalg.norm(gradient)) ** 2)
            cosines.append(
                float(estimate @ gradient)
                / (float(np.linalg.norm(gradient)) * float(np.linalg.norm(estimate)))
            )
    if gradient is not None:
        return float(np.mean(distances)), float(np.mean(cosines))
    return float(np.mean(lengths) / np.mean(squares)) - 1.0, np.nan


@dataclass(frozen=True)
class Spread:
    """Estimates of one gradient, in units of the scales of the controls.

    Attributes:
        chip: design.
        parameters: number of controls n.
        n_directions: antithetic pairs K.
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
        n_directions: antithetic Rademacher pairs K.
        batch_size: inputs of the batch.
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
    loss = CrossEntropy(labels, data.n_classes)

    def losses_of(offsets: Array) -> Array:
        # One setting after the other: of the dense network a population would fill the memory.
        settings = (x + _PERTURBATION * network.scales * offset for offset in offsets)
        return np.array([loss.losses(chip.measure(one[None], inputs).reshape(1, -1))[0] for one in settings])

    variance, cosine = measured_variance(
        losses_of,
        x.size,
        n_directions,
        n_estimates,
        rng,
        gradient=gradient * network.scales,
        unit=_PERTURBATION,
    )
    inferences, law = 2 * n_directions * batch_size, (x.size - 1) / n_directions
    return Spread(chip_name, x.size, n_directions, inferences, variance, law, cosine)

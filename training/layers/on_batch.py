"""A measured network on one batch of a task: its readout solved, and what all other controls change then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from photonzero.training.layers.network import MeasuredLayer, Pass, derivatives, noise_gram, passed
from photonzero.training.layers.priced_readout import (
    ReadoutSolution,
    ReducedModel,
    operator_size,
    reduced_model,
    solved_readout,
    with_noise_rows,
)
from photonzero.training.objective import KnownBatch
from photonzero.training.oracle import Array

_PRICED_POINTS = 128
"""Points at which the noise of an output is computed: a mean, known to a few percent from a hundred."""

_ROUNDS = 3
"""Linearisations in the readout at most; a linear PDE needs one."""


@dataclass(frozen=True)
class Pricing:
    """What a readout costs besides the residuals it leaves.

    Attributes:
        variances: of one reading of every layer.
        price: of a squared error of the solution in squared residuals.
        relative_damping: nu.
    """

    variances: Sequence[float]
    price: float
    relative_damping: float

    @property
    def noisy(self) -> bool:
        """Whether there is noise to pay for."""
        return self.price > 0 and any(self.variances)


@dataclass(frozen=True)
class OnBatch:
    """A network on a batch, its readout solved.

    Attributes:
        layers: of the network.
        batch: of the task.
        pricing: of the readout.
        ways: of the nodes of every part of the batch.
        slopes: of its residuals by the network's answers, (B, E, K, m) for every part.
        solution: the readout, (m (F + 1),): of every output its weights, then its bias.
    """

    layers: Sequence[MeasuredLayer]
    batch: KnownBatch
    pricing: Pricing
    ways: Sequence[Pass]
    slopes: Sequence[Array]
    solution: ReadoutSolution

    @property
    def value(self) -> float:
        """F, see `priced_readout`."""
        return self.solution.value

    @property
    def readout(self) -> Array:
        """(m, F + 1)."""
        return self.solution.readout.reshape(self.slopes[0].shape[-1], -1)

    def price(self) -> float:
        """Squared residuals a squared error of the solution is worth, see `operator_size`."""
        places, weights = self.batch.judged(_PRICED_POINTS)
        features = _with_one(passed(self.layers, places).features)
        values = [np.sqrt(own)[:, None] * features for own in weights.T]
        # Outputs do not mix here: squares of each are added.
        stacked = np.zeros((len(values) * len(places), self.solution.readout.size))
        width = features.shape[1]
        for k, own in enumerate(values):
            stacked[k * len(places) : (k + 1) * len(places), k * width : (k + 1) * width] = own
        return operator_size(self.solution.columns, stacked, self.solution.readout)

    def model(self, changes: Sequence[Sequence[Array]] | None, rng: np.random.Generator) -> ReducedModel:
        """F by controls of all cores, layer by layer, and then by all biases.

        Args:
            changes: for every layer and core, of the core by its controls, (P, core size); None for a model
                of the biases alone.
            rng: draws the noise whose effect is part of it.
        """
        solution, jacobian = self.solution, self.jacobian(changes)
        if self.pricing.noisy:
            way, slopes, rows = self._noise_rows(rng)
            solution = with_noise_rows(solution, rows, self.pricing.relative_damping)
            jacobian = np.concatenate([jacobian, self._jacobian(way, slopes, changes)])
        return reduced_model(solution, jacobian)

    def jacobian(self, changes: Sequence[Sequence[Array]] | None) -> Array:
        """Derivatives (R, P + biases) of the residuals, see `model`."""
        parts = zip(self.ways, self.slopes, strict=True)
        return np.concatenate([self._jacobian(way, slopes, changes) for way, slopes in parts])

    def _jacobian(self, way: Pass, slopes: Array, changes: Sequence[Sequence[Array]] | None) -> Array:
        """That of one part."""
        n_points, n_equations, n_nodes, _ = slopes.shape
        by_features = slopes @ self.readout[:, :-1]
        if n_equations > 1:
            way = way.repeated(n_points, n_equations)
        by_features = by_features.reshape(n_points * n_equations, n_nodes, -1)
        found = derivatives(self.layers, way, by_features, with_cores=changes is not None)
        columns = [own.bias for own in found]
        if changes is not None:
            by_cores = [
                gradient @ change.T
                for own, layer in zip(found, changes, strict=True)
                for gradient, change in zip(own.cores, layer, strict=True)
            ]
            columns = [*by_cores, *columns]
        return np.concatenate(columns, axis=1)

    def _noise_rows(self, rng: np.random.Generator) -> tuple[Pass, Array, Array]:
        """Changes of the outputs under one draw of the detectors' errors, as a part of the batch.

        Half of the difference of two passes with opposite errors, times the root of the price.
        """
        places, weights = self.batch.judged(len(self.ways[0].features))
        n_points, m = weights.shape
        signs = np.tile([1.0, -1.0], n_points)[:, None]
        errors = [
            signs * np.repeat(np.sqrt(v) * rng.standard_normal((n_points, layer.bias.size)), 2, axis=0)
            for v, layer in zip(self.pricing.variances, self.layers, strict=True)
        ]
        way = passed(self.layers, np.repeat(places, 2, axis=0), errors)
        slopes = np.zeros((n_points, m, 2, m))
        for k in range(m):
            half = 0.5 * np.sqrt(self.pricing.price * weights[:, k])
            slopes[:, k, :, k] = half[:, None] * np.array([1.0, -1.0])
        return way, slopes, _columns(way, slopes)


def solved(layers: Sequence[MeasuredLayer], batch: KnownBatch, readout: Array, pricing: Pricing) -> OnBatch:
    """A network with the readout of least F on a batch.

    Args:
        layers: of the network.
        batch: of the task.
        readout: (m, F + 1) to start from.
        pricing: of the readout.
    """
    ways = [passed(layers, nodes.reshape(-1, nodes.shape[-1])) for nodes in batch.nodes]
    noise = _noise_form(layers, batch, pricing)
    found = _solved_once(layers, batch, readout, pricing, ways, noise)
    for _ in range(_ROUNDS - 1):
        linear, exact = found.solution.residual, _residuals(batch, ways, found.readout)
        found = replace(found, solution=found.solution.at(exact))
        if ((exact - linear) ** 2).sum() <= 1e-4 * (exact**2).sum():
            break
        again = _solved_once(layers, batch, found.readout, pricing, ways, noise)
        again = replace(again, solution=again.solution.at(_residuals(batch, ways, again.readout)))
        if again.value >= found.value:
            break
        found = again
    return found


def _solved_once(
    layers: Sequence[MeasuredLayer],
    batch: KnownBatch,
    readout: Array,
    pricing: Pricing,
    ways: Sequence[Pass],
    noise: Array,
) -> OnBatch:
    """The readout that is best for residuals linearised where it stands."""
    parts = list(enumerate(zip(ways, batch.nodes, strict=True)))
    found = [batch.linearised(k, _answers(way, nodes, readout)) for k, (way, nodes) in parts]
    slopes = [own for _, own in found]
    columns = np.concatenate([_columns(way, own) for way, own in zip(ways, slopes, strict=True)])
    residual = np.concatenate([own for own, _ in found])
    solution = solved_readout(residual, columns, readout.ravel(), noise, pricing.relative_damping)
    return OnBatch(layers, batch, pricing, ways, slopes, solution)


def _residuals(batch: KnownBatch, ways: Sequence[Pass], readout: Array) -> Array:
    """Of the formulas, all parts one after the other, (R,)."""
    parts = enumerate(zip(ways, batch.nodes, strict=True))
    return np.concatenate([batch.residuals(k, _answers(way, nodes, readout)) for k, (way, nodes) in parts])


def _noise_form(layers: Sequence[MeasuredLayer], batch: KnownBatch, pricing: Pricing) -> Array:
    """``price C`` of all outputs, a block for each."""
    places, weights = batch.judged(_PRICED_POINTS)
    width, m = layers[-1].bias.size + 1, weights.shape[1]
    form = np.zeros((m * width, m * width))
    if pricing.noisy:
        way = passed(layers, places)
        for k in range(m):
            some = slice(k * width, (k + 1) * width)
            form[some, some] = pricing.price * noise_gram(layers, way, pricing.variances, weights[:, k])
    return form


def _answers(way: Pass, nodes: Array, readout: Array) -> Array:
    """Of the network at all nodes, (B, K, m)."""
    answers = way.features @ readout[:, :-1].T + readout[:, -1]
    return answers.reshape(*nodes.shape[:2], -1)


def _columns(way: Pass, slopes: Array) -> Array:
    """Derivatives (B E, m (F + 1)) of residuals by the readout."""
    n_points, n_equations, n_nodes, m = slopes.shape
    features = _with_one(way.features).reshape(n_points, n_nodes, -1)
    columns = [slopes[..., k] @ features for k in range(m)]
    return np.concatenate(columns, axis=2).reshape(n_points * n_equations, -1)


def _with_one(features: Array) -> Array:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)

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

_PRICED_POINTS = 64
"""Points at which the noise of an output is computed: a mean, known to a few percent."""

_NUMBERS_AT_ONCE = 500_000
"""Numbers of one layer that pass at a time, two megabytes in single precision."""

_SCALINGS = 8
"""Times that chances are scaled, since none is above 1, until their sum is the number of points wanted."""

_ROUNDS = 3
"""Linearisations in the readout at most; a linear PDE needs one."""


@dataclass(frozen=True)
class Pricing:
    """What a readout costs besides the residuals it leaves.

    Attributes:
        variances: of one reading of every layer.
        price: of a squared error of the solution in squared residuals.
        relative_damping: nu.
        n_draws: of the detectors' errors at every point, for the model of a step.
    """

    variances: Sequence[float]
    price: float
    relative_damping: float
    n_draws: int = 1

    @property
    def noisy(self) -> bool:
        """Whether there is noise to pay for."""
        return self.price > 0 and any(self.variances)

    def rows(self, weights: Array) -> Array:
        """Of the difference of two nodes, (N, m, 2, m), whose squares are priced; `weights` (N, m)."""
        n_points, m = weights.shape
        slopes = np.zeros((n_points, m, 2, m))
        for k in range(m):
            slopes[:, k, :, k] = np.sqrt(self.price * weights[:, k])[:, None] * np.array([1.0, -1.0])
        return slopes


@dataclass(frozen=True)
class OnBatch:
    """A network on a batch, its readout solved.

    Attributes:
        layers: of the network.
        batch: of the task.
        pricing: of the readout.
        features: of every part of the batch, (B, T, F).
        slopes: of its residuals by the network's answers, (B, E, T, m) for every part.
        solution: the readout, (m (F + 1),): of every output its weights, then its bias.
    """

    layers: Sequence[MeasuredLayer]
    batch: KnownBatch
    pricing: Pricing
    features: Sequence[Array]
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
        features = passed(self.layers, places[:, None]).features[:, 0]
        features = np.concatenate([features, np.ones((len(places), 1))], axis=1)
        values = []
        for own, free in zip(weights.T, self.batch.free_outputs, strict=True):
            # What an answer is beyond a constant that the equations leave free.
            mean = own @ features / max(own.sum(), 1e-300) if free else 0.0
            values.append(np.sqrt(own)[:, None] * (features - mean))
        # Outputs do not mix here: squares of each are added.
        stacked = np.zeros((len(values) * len(places), self.solution.readout.size))
        width = features.shape[1]
        for k, own in enumerate(values):
            stacked[k * len(places) : (k + 1) * len(places), k * width : (k + 1) * width] = own
        return operator_size(self.solution.columns, stacked, self.solution.readout)

    def input_squares(self) -> Array:
        """Mean squared length of what every layer is presented, (layers,)."""
        places, _ = self.batch.judged(_PRICED_POINTS)
        way = passed(self.layers, places[:, None])
        lengths = [(own.astype(np.float64) ** 2).sum(axis=(1, 2)) for own in way.inputs[:-1]]
        return np.array([float(own.mean()) for own in lengths])

    def model(self, changes: Sequence[Sequence[Array]] | None, rng: np.random.Generator) -> ReducedModel:
        """F by controls of all cores, layer by layer, and then by all biases.

        Args:
            changes: for every layer and core, of the core by its controls, (P, core size); None for a model
                of the biases alone.
            rng: draws the noise whose effect is part of it.
        """
        solution, jacobian = self.solution, self.jacobian(changes)
        priced = [self._noise_rows(rng)] if self.pricing.noisy else []
        priced += _cut_off_rows(self.layers, self.batch, self.pricing)
        if priced:
            rows = np.concatenate([_columns(way.features, slopes, None) for way, slopes in priced])
            solution = with_noise_rows(solution, rows, self.pricing.relative_damping)
            by_controls = [self._jacobian(way, slopes, changes) for way, slopes in priced]
            jacobian = np.concatenate([jacobian, *by_controls])
        return reduced_model(solution, jacobian)

    def jacobian(self, changes: Sequence[Sequence[Array]] | None) -> Array:
        """Derivatives (R, P + biases) of the residuals, see `model`."""
        rows = []
        for nodes, forms, slopes in zip(self.batch.nodes, self.batch.forms, self.slopes, strict=True):
            for some in _tiles(self.layers, nodes, forms):
                # Passed again: to keep what every layer met takes more memory than time.
                way = passed(self.layers, nodes[some], forms)
                rows.append(self._jacobian(way, slopes[some], changes))
        return np.concatenate(rows)

    def _jacobian(self, way: Pass, slopes: Array, changes: Sequence[Sequence[Array]] | None) -> Array:
        """That of some points."""
        n_points, n_equations, n_streams, _ = slopes.shape
        by_features = slopes @ self.readout[:, :-1]
        if n_equations > 1:
            way = way.repeated(n_equations)
        by_features = by_features.reshape(n_points * n_equations, n_streams, -1)
        found = derivatives(self.layers, way, by_features, with_cores=changes is not None)
        columns = [own.bias for own in found]
        if changes is not None:
            by_cores = [
                gradient @ change.T.astype(gradient.dtype)
                for own, layer in zip(found, changes, strict=True)
                for gradient, change in zip(own.cores, layer, strict=True)
            ]
            columns = [*by_cores, *columns]
        return np.concatenate(columns, axis=1).astype(np.float64)

    def _noise_rows(self, rng: np.random.Generator) -> tuple[Pass, Array]:
        """Changes of the outputs under some draws of the detectors' errors, as a part of the batch.

        Half of the difference of two passes with opposite errors, times the root of the price.
        """
        places, weights = self.batch.judged(len(self.features[0]))
        draws = self.pricing.n_draws
        places, weights = np.tile(places, (draws, 1)), np.tile(weights / draws, (draws, 1))
        n_points = len(places)
        signs = np.array([[1.0], [-1.0]])
        errors = [
            signs * np.sqrt(v) * rng.standard_normal((n_points, 1, layer.bias.size))
            for v, layer in zip(self.pricing.variances, self.layers, strict=True)
        ]
        way = passed(self.layers, np.repeat(places[:, None], 2, axis=1), None, errors)
        return way, 0.5 * self.pricing.rows(weights)


def solved(layers: Sequence[MeasuredLayer], batch: KnownBatch, readout: Array, pricing: Pricing) -> OnBatch:
    """A network with the readout of least F on a batch.

    Args:
        layers: of the network.
        batch: of the task.
        readout: (m, F + 1) to start from.
        pricing: of the readout.
    """
    features = [
        np.concatenate([passed(layers, nodes[some], forms).features for some in _tiles(layers, nodes, forms)])
        for nodes, forms in zip(batch.nodes, batch.forms, strict=True)
    ]
    noise = _noise_form(layers, batch, pricing)
    found = _solved_once(layers, batch, readout, pricing, features, noise)
    for _ in range(_ROUNDS - 1):
        linear, exact = found.solution.residual, _residuals(batch, features, found.readout)
        found = replace(found, solution=found.solution.at(exact))
        if ((exact - linear) ** 2).sum() <= 1e-4 * (exact**2).sum():
            break
        again = _solved_once(layers, batch, found.readout, pricing, features, noise)
        again = replace(again, solution=again.solution.at(_residuals(batch, features, again.readout)))
        if again.value >= found.value:
            break
        found = again
    return found


def _solved_once(
    layers: Sequence[MeasuredLayer],
    batch: KnownBatch,
    readout: Array,
    pricing: Pricing,
    features: Sequence[Array],
    noise: Array,
) -> OnBatch:
    """The readout that is best for residuals linearised where it stands."""
    parts = list(enumerate(zip(features, batch.forms, strict=True)))
    found = [batch.linearised(k, _answers(own, forms, readout)) for k, (own, forms) in parts]
    slopes = [own for _, own in found]
    columns = np.concatenate(
        [_columns(own, slope, forms) for (_, (own, forms)), slope in zip(parts, slopes, strict=True)]
    )
    residual = np.concatenate([own for own, _ in found])
    solution = solved_readout(residual, columns, readout.ravel(), noise, pricing.relative_damping)
    return OnBatch(layers, batch, pricing, features, slopes, solution)


def _residuals(batch: KnownBatch, features: Sequence[Array], readout: Array) -> Array:
    """Of the formulas, all parts one after the other, (R,)."""
    parts = enumerate(zip(features, batch.forms, strict=True))
    return np.concatenate([batch.residuals(k, _answers(own, forms, readout)) for k, (own, forms) in parts])


def _noise_form(layers: Sequence[MeasuredLayer], batch: KnownBatch, pricing: Pricing) -> Array:
    """``price C`` of all outputs, a block for each."""
    places, weights = batch.judged(_PRICED_POINTS)
    width, m = layers[-1].bias.size + 1, weights.shape[1]
    form = np.zeros((m * width, m * width))
    if pricing.noisy:
        way = passed(layers, places[:, None])
        for k in range(m):
            some = slice(k * width, (k + 1) * width)
            form[some, some] = pricing.price * noise_gram(layers, way, pricing.variances, weights[:, k])
    for way, slopes in _cut_off_rows(layers, batch, pricing):
        rows = _columns(way.features, slopes, None)
        form += rows.T @ rows
    return form


def _cut_off_rows(
    layers: Sequence[MeasuredLayer], batch: KnownBatch, pricing: Pricing
) -> list[tuple[Pass, Array]]:
    """What cutting off changes of the outputs, as a part of the batch; none where nothing is cut off.

    A network that bends where a detector reaches its range can satisfy an equation at every point beside the
    bend, and solve it nowhere. So residuals are those of detectors without end, and what the end changes is
    an error of the solution, at its price.
    """
    if pricing.price == 0 or not any(np.isfinite(layer.full_scale) for layer in layers):
        return []
    places, weights = batch.judged(len(batch.nodes[0]))
    way = passed(layers, places[:, None], None, None, slice(1))
    beyond = np.zeros(len(places), dtype=bool)
    for within in way.within:
        if within is not None:
            beyond |= ~within.all(axis=(1, 2))
    if not beyond.any():
        return []
    way = passed(layers, np.repeat(places[beyond, None], 2, axis=1), None, None, slice(1))
    return [(way, pricing.rows(weights[beyond]))]


def picked(
    layers: Sequence[MeasuredLayer],
    batch: KnownBatch,
    readout: Array,
    share: float,
    rng: np.random.Generator,
) -> KnownBatch:
    """A share of a batch's points, more where residuals are large and with weights that make up for it.

    A point is taken with a probability that is half even and half in proportion to its residual, and weighs
    the inverse: sums of squares keep their mean, and what is thin, such as a shock, is met by many points.

    Args:
        layers: of the network as it stands.
        batch: to choose from.
        readout: (m, F + 1).
        share: of its points.
        rng: draws.
    """
    nodes, forms = batch.nodes[0], batch.forms[0]
    answers = np.concatenate(
        [
            _answers(passed(layers, nodes[some], forms).features, forms, readout)
            for some in _tiles(layers, nodes, forms)
        ]
    )
    size = np.sqrt((batch.residuals(0, answers).reshape(len(nodes), -1) ** 2).mean(axis=1))
    chance = np.full(len(nodes), share)
    if size.any():
        by_size = 0.5 * share * size / size.mean()
        for _ in range(_SCALINGS):
            chance = np.minimum(0.5 * share + by_size, 1.0)
            by_size *= share / chance.mean()
    # Systematic sampling: each step of 1 of the running sum takes the point that it ends in.
    marks = np.floor(np.cumsum(chance) + rng.random())
    rows = np.flatnonzero(np.diff(marks, prepend=0.0) > 0)
    return batch.picked(rows, share / chance[rows], share)


def _tiles(layers: Sequence[MeasuredLayer], nodes: Array, forms: Array | None) -> list[slice]:
    """Points that pass together: what they meet stays near the processor."""
    n_points, n_nodes, d = nodes.shape
    n_streams = n_nodes if forms is None else 1 + d + len(forms)
    tile = max(1, _NUMBERS_AT_ONCE // (n_streams * max(layer.bias.size for layer in layers)))
    return [slice(start, start + tile) for start in range(0, n_points, tile)]


def _answers(features: Array, forms: Array | None, readout: Array) -> Array:
    """Of the network in all streams, (B, T, m), in double precision: large weights cancel each other."""
    n_points, n_streams, width = features.shape
    weights, bias = readout[:, :-1].T, readout[:, -1]
    answers = np.empty((n_points, n_streams, len(bias)))
    tile = max(1, _NUMBERS_AT_ONCE // (n_streams * width))
    for start in range(0, n_points, tile):
        some = slice(start, start + tile)
        answers[some] = (features[some].reshape(-1, width) @ weights).reshape(-1, n_streams, len(bias))
    # Derivatives have no constant.
    answers[:, : _n_values(n_streams, forms)] += bias
    return answers


def _columns(features: Array, slopes: Array, forms: Array | None) -> Array:
    """Derivatives (B E, m (F + 1)) of residuals by the readout."""
    n_points, n_equations, n_streams, m = slopes.shape
    columns = []
    for k in range(m):
        of_bias = slopes[:, :, : _n_values(n_streams, forms), k].sum(axis=2, keepdims=True)
        columns += [slopes[..., k].astype(features.dtype) @ features, of_bias]
    return np.concatenate(columns, axis=2).reshape(n_points * n_equations, -1).astype(np.float64, copy=False)


def _n_values(n_streams: int, forms: Array | None) -> int:
    """Streams that are values and no derivatives; they come first."""
    return n_streams if forms is None else 1

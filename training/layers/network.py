"""The network as the host knows it: measured matrices, known electronics, and the chain rule through both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.tensor_train import core_gradients, tt_matrix
from photonzero.training.oracle import Array

_NUMBERS_AT_ONCE = 4_000_000
"""Numbers held at a time where they are not needed together."""


_GELU = 0.7978845608028654, 0.044715


def _gelu(z: Array) -> Array:
    return 0.5 * z * (1.0 + np.tanh(_GELU[0] * (z + _GELU[1] * z**3)))


def _gelu_slope(z: Array, _: Array) -> Array:
    t = np.tanh(_GELU[0] * (z + _GELU[1] * z**3))
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t**2) * _GELU[0] * (1.0 + 3.0 * _GELU[1] * z**2)


_ACTIVATIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = (
    MappingProxyType(
        {
            "identity": (lambda z: z, lambda z, _: np.ones_like(z)),
            "sin": (np.sin, lambda z, _: np.cos(z)),
            "tanh": (np.tanh, lambda _, value: 1.0 - value**2),
            "relu": (lambda z: np.maximum(z, 0.0), lambda z, _: (z > 0).astype(np.float64)),
            "gelu": (_gelu, _gelu_slope),
        }
    )
)
"""Value of what comes in, and slope by that and the value."""


def known_activation(name: str) -> str:
    """The name, if the host knows the activation.

    Raises:
        ArgumentError: it does not.
    """
    if name not in _ACTIVATIONS:
        raise ArgumentError(f"activation: {name!r}; allowed: {', '.join(_ACTIVATIONS)}")
    return name


def activated(name: str, z: Array) -> Array:
    """An activation of what comes in, any shape."""
    return _ACTIVATIONS[known_activation(name)][0](z)


@dataclass(frozen=True)
class MeasuredLayer:
    """One layer: cores from readings, bias and activation from the electronics.

    Attributes:
        cores: of its tensor train.
        matrix: their product, (m, n).
        bias: (m,).
        activation: its name.
    """

    cores: Sequence[Array]
    matrix: Array
    bias: Array
    activation: str

    @classmethod
    def of(cls, cores: Sequence[Array], bias: Array, activation: str) -> MeasuredLayer:
        """The layer of some cores."""
        return cls(cores, tt_matrix(cores), bias, activation)


@dataclass(frozen=True)
class Pass:
    """What a batch of points met on its way.

    Attributes:
        activations: names, layer by layer.
        inputs: of every layer, (N, n), and last the features (N, F).
        readings: of every layer with its bias, (N, m).
    """

    activations: Sequence[str]
    inputs: Sequence[Array]
    readings: Sequence[Array]

    @property
    def features(self) -> Array:
        """(N, F), behind the last layer."""
        return self.inputs[-1]

    @cached_property
    def slopes(self) -> Sequence[Array]:
        """Of every layer's activation, (N, m); computed when first needed."""
        return [
            _ACTIVATIONS[name][1](z, value)
            for name, z, value in zip(self.activations, self.readings, self.inputs[1:], strict=True)
        ]

    def repeated(self, n_points: int, times: int) -> Pass:
        """Every one of B points, with its K nodes, so many times over."""

        def again(rows: Array) -> Array:
            by_point = rows.reshape(n_points, 1, -1, rows.shape[1])
            return np.repeat(by_point, times, axis=1).reshape(-1, rows.shape[1])

        return Pass(self.activations, [again(own) for own in self.inputs], [again(z) for z in self.readings])


def passed(layers: Sequence[MeasuredLayer], points: Array, errors: Sequence[Array] | None = None) -> Pass:
    """Points (N, d) through all layers; inputs of the first that nothing is presented to are dark.

    Args:
        layers: of the network.
        points: (N, d).
        errors: (N, m) of the readings of every layer; None for none.
    """
    first = np.zeros((len(points), layers[0].matrix.shape[1]))
    first[:, : points.shape[1]] = points
    inputs, readings = [first], []
    for k, layer in enumerate(layers):
        z = inputs[-1] @ layer.matrix.T + layer.bias
        if errors is not None:
            z += errors[k]
        readings.append(z)
        inputs.append(_ACTIVATIONS[layer.activation][0](z))
    return Pass([layer.activation for layer in layers], inputs, readings)


@dataclass(frozen=True)
class LayerDerivatives:
    """Derivatives of R numbers by one layer.

    Attributes:
        cores: by the entries of every core, (R, core size).
        bias: (R, m).
    """

    cores: Sequence[Array]
    bias: Array


def derivatives(
    layers: Sequence[MeasuredLayer], way: Pass, by_features: Array, *, with_cores: bool = True
) -> list[LayerDerivatives]:
    """Derivatives of R numbers by cores and biases of every layer: the adjoint, layer by layer.

    Args:
        layers: of the network.
        way: of the points, R K of them, K to a number.
        by_features: (R, K, F), derivatives by the features at each of its points.
        with_cores: whether those by the cores are wanted.
    """
    n_rows, n_nodes, _ = by_features.shape
    found, adjoint = [], by_features
    for k in range(len(layers) - 1, -1, -1):
        adjoint = adjoint * way.slopes[k].reshape(n_rows, n_nodes, -1)
        if with_cores:
            inputs = way.inputs[k].reshape(n_rows, n_nodes, -1)
            gradients, by_input = core_gradients(layers[k].cores, inputs, adjoint)
        else:
            gradients, by_input = [], adjoint @ layers[k].matrix if k else adjoint
        found.append(LayerDerivatives(gradients, adjoint.sum(axis=1)))
        adjoint = by_input
    return found[::-1]


def noise_gram(
    layers: Sequence[MeasuredLayer], way: Pass, variances: Sequence[float], weights: Array
) -> Array:
    """What noise of the readings does to an output, as a form in the readout: (F + 1, F + 1).

    An output ``w . h + b`` of one pass has the variance ``theta^T C theta`` with theta = (w, b) and
    ``C = diag(T'^2) v_L + B B^T v_(L-1) + ..``, ``B = diag(T') W_L diag(S')``, with one factor more a layer
    below. This is its sum over points. It takes ``N F n_L`` numbers for each layer but the last, a tile of
    points at a time, and 2 F times as many operations.

    Args:
        layers: of the network.
        way: of N points.
        variances: of a reading of each layer.
        weights: (N,) of the points.
    """
    n_features = way.features.shape[1]
    gram = np.zeros((n_features + 1, n_features + 1))
    block = gram[:-1, :-1]
    last = len(layers) - 1
    block[np.diag_indices(n_features)] += variances[last] * (weights @ way.slopes[last] ** 2)
    if last == 0:
        return gram
    matrix = layers[last].matrix
    tile = max(1, _NUMBERS_AT_ONCE // matrix.size)
    for start in range(0, len(weights), tile):
        some = slice(start, start + tile)
        outer = np.sqrt(weights[some])[:, None] * way.slopes[last][some]
        reached = outer[:, :, None] * matrix
        for k in range(last - 1, -1, -1):
            reached = reached * way.slopes[k][some][:, None, :]
            # Columns of B at all points side by side: their products add up to the sum over points.
            flat = reached.transpose(1, 0, 2).reshape(n_features, -1)
            block += variances[k] * (flat @ flat.T)
            if k:
                reached = reached @ layers[k].matrix
    return gram

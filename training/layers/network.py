"""The network as the host knows it: measured matrices, known electronics, and the chain rule through both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.tensor_train import core_gradients, tt_matrix
from photonzero.training.oracle import Array

_NONE = slice(0)

_NUMBERS_AT_ONCE = 2_000_000
"""Numbers held at a time where they are not needed together."""


_GELU = 0.7978845608028654, 0.044715


def _gelu(z: Array) -> Array:
    return 0.5 * z * (1.0 + np.tanh(_GELU[0] * (z + _GELU[1] * z**3)))


def _gelu_slopes(z: Array, _: Array) -> Slopes:
    a, b = _GELU
    t, inner = np.tanh(a * (z + b * z**3)), (a * (1.0 + 3.0 * b * z**2), 6.0 * a * b * z, 6.0 * a * b)
    s = 1.0 - t**2
    first = s * inner[0]
    second = s * inner[1] - 2.0 * t * first * inner[0]
    third = s * inner[2] - 4.0 * t * first * inner[1] - 2.0 * (first**2 + t * second) * inner[0]
    return 0.5 * (1.0 + t + z * first), first + 0.5 * z * second, 1.5 * second + 0.5 * z * third


def _sine_slopes(z: Array, value: Array) -> Slopes:
    first = np.cos(z)
    return first, -value, -first


def _tanh_slopes(_: Array, value: Array) -> Slopes:
    first = 1.0 - value**2
    return first, -2.0 * value * first, (6.0 * value**2 - 2.0) * first


def _flat_slopes(first: Array) -> Slopes:
    return first, np.zeros_like(first), np.zeros_like(first)


Slopes: TypeAlias = tuple[Array, Array, Array]
"""First, second and third derivative of an activation."""

_ACTIVATIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Slopes]]] = (
    MappingProxyType(
        {
            "identity": (lambda z: z, lambda z, _: _flat_slopes(np.ones_like(z))),
            "sin": (np.sin, _sine_slopes),
            "tanh": (np.tanh, _tanh_slopes),
            "relu": (lambda z: np.maximum(z, 0.0), lambda z, _: _flat_slopes((z > 0).astype(z.dtype))),
            "gelu": (_gelu, _gelu_slopes),
        }
    )
)
"""Value of what comes in, and its derivatives by that and the value."""


def knows_activation(name: str) -> bool:
    """Whether the host knows an activation and its slope."""
    return name in _ACTIVATIONS


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
        cores: of its tensor train; in their precision points pass.
        matrix: their product, (m, n).
        bias: (m,).
        activation: its name.
        full_scale: detectors cut off what is beyond it, before the bias.
    """

    cores: Sequence[Array]
    matrix: Array
    bias: Array
    activation: str
    full_scale: float = math.inf

    @classmethod
    def of(
        cls,
        cores: Sequence[Array],
        bias: Array,
        activation: str,
        full_scale: float = math.inf,
        precision: DTypeLike = np.float64,
    ) -> MeasuredLayer:
        """The layer of some cores, kept in a precision."""
        kept = [core.astype(precision) for core in cores]
        return cls(kept, tt_matrix(cores).astype(precision), bias.astype(precision), activation, full_scale)


@dataclass(frozen=True)
class Pass:
    """What a batch of points met on its way.

    Every point has T streams: K nodes of a stencil, or, with `forms`, the numbers of a jet, which are the
    value, its d derivatives by what is presented, and its second derivatives ``sum_ab C_ab d_a d_b`` for
    each of J forms C, T = 1 + d + J. Jets are exact, and cost no more than
    nodes, since an activation is computed at one place a point.

    Attributes:
        activations: names, layer by layer.
        inputs: of every layer, (B, T, n), and last the features (B, T, F).
        readings: of every layer with its bias, (B, T, m).
        within: of every layer, which of its detectors are within their range, (B, T, m); None for all.
        forms: C, (J, d, d); None for nodes.
    """

    activations: Sequence[str]
    inputs: Sequence[Array]
    readings: Sequence[Array]
    within: Sequence[Array | None]
    forms: Array | None = None

    @property
    def features(self) -> Array:
        """(B, T, F), behind the last layer."""
        return self.inputs[-1]

    @cached_property
    def slopes(self) -> Sequence[Slopes]:
        """Of every layer's activation, (B, T, m) or for jets (B, 1, m); computed when first needed."""
        return [
            _slopes(name, z, value, self.forms)
            for name, z, value in zip(self.activations, self.readings, self.inputs[1:], strict=True)
        ]

    def repeated(self, times: int) -> Pass:
        """Every point so many times over, one copy behind the other."""

        def again(rows: Sequence[Array]) -> list[Array]:
            return [np.repeat(own, times, axis=0) for own in rows]

        within = [None if own is None else np.repeat(own, times, axis=0) for own in self.within]
        return Pass(self.activations, again(self.inputs), again(self.readings), within, self.forms)


def passed(
    layers: Sequence[MeasuredLayer],
    nodes: Array,
    forms: Array | None = None,
    errors: Sequence[Array] | None = None,
    cut_off: slice = _NONE,
) -> Pass:
    """Points through all layers; inputs of the first that nothing is presented to are dark.

    Args:
        layers: of the network.
        nodes: (B, K, d); one a point for jets.
        forms: (J, d, d) of jets, see `Pass`; None for the values at nodes.
        errors: (B, K, m) of the readings of every layer; None for none.
        cut_off: nodes that detectors cut off for, beyond their range.
    """
    n_points, n_nodes, d = nodes.shape
    n_streams = n_nodes if forms is None else 1 + d + len(forms)
    first = np.zeros((n_points, n_streams, layers[0].matrix.shape[1]), layers[0].matrix.dtype)
    first[:, :n_nodes, :d] = nodes
    if forms is not None:
        first[:, np.arange(1, d + 1), np.arange(d)] = 1.0
    inputs, readings, within = [first], [], []
    for k, layer in enumerate(layers):
        z = _product(inputs[-1], layer.matrix.T)
        if errors is not None:
            z += errors[k].astype(z.dtype)
        within.append(None)
        if cut_off != _NONE and np.isfinite(layer.full_scale):
            within[-1] = np.ones(z.shape, dtype=bool)
            within[-1][:, cut_off] = np.abs(z[:, cut_off]) < layer.full_scale
            z[:, cut_off] = np.clip(z[:, cut_off], -layer.full_scale, layer.full_scale)
        z[:, :n_nodes] += layer.bias
        readings.append(z)
        inputs.append(_behind(layer.activation, z, forms))
    return Pass([layer.activation for layer in layers], inputs, readings, within, forms)


def _product(streams: Array, matrix: Array) -> Array:
    """Streams (B, T, n) times a matrix, in one product and not one a point."""
    return (streams.reshape(-1, len(matrix)) @ matrix).reshape(*streams.shape[:2], -1)


def _slopes(name: str, z: Array, value: Array, forms: Array | None) -> Slopes:
    some = slice(None) if forms is None else slice(1)
    return _ACTIVATIONS[name][1](z[:, some], value[:, some])


def _behind(name: str, z: Array, forms: Array | None) -> Array:
    """What leaves an activation, (B, T, m)."""
    if forms is None:
        return _ACTIVATIONS[name][0](z)
    out, d = np.empty_like(z), forms.shape[1]
    out[:, :1] = _ACTIVATIONS[name][0](z[:, :1])
    first, second, _ = _slopes(name, z, out, forms)
    np.multiply(first, z[:, 1:], out=out[:, 1:])
    along = z[:, 1 : 1 + d]
    for j, bent in enumerate(_bent(forms, along)):
        out[:, 1 + d + j] += second[:, 0] * np.einsum("bam,bam->bm", bent, along)
    return out


def _bent(forms: Array, along: Array) -> list[Array]:
    """``C`` times the derivatives (B, d, m), form by form."""
    return [form @ along for form in forms.astype(along.dtype)]


def _before(way: Pass, k: int, adjoint: Array) -> Array:
    """Derivatives by the readings of layer k from those by what leaves its activation, (B, T, m)."""
    first, second, third = way.slopes[k]
    found = first * adjoint
    if way.forms is None:
        return found
    z, d = way.readings[k], way.forms.shape[1]
    along = z[:, 1 : 1 + d]
    found[:, 0] += second[:, 0] * np.einsum("btm,btm->bm", z[:, 1:], adjoint[:, 1:])
    for j, bent in enumerate(_bent(way.forms, along)):
        own = adjoint[:, 1 + d + j]
        found[:, 0] += third[:, 0] * own * np.einsum("bam,bam->bm", bent, along)
        found[:, 1 : 1 + d] += (2.0 * second[:, 0] * own)[:, None] * bent
    return found


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
        way: of R points.
        by_features: (R, T, F), derivatives by the features in each of a point's streams.
        with_cores: whether those by the cores are wanted.
    """
    found, adjoint = [], by_features.astype(way.features.dtype)
    for k in range(len(layers) - 1, -1, -1):
        adjoint = _before(way, k, adjoint)
        # A bias is added to values, not to their derivatives, and behind detectors that may cut off.
        by_bias = (adjoint if way.forms is None else adjoint[:, :1]).sum(axis=1)
        if way.within[k] is not None:
            adjoint = adjoint * way.within[k]
        if with_cores:
            gradients, by_input = core_gradients(layers[k].cores, way.inputs[k], adjoint)
        else:
            gradients, by_input = [], _product(adjoint, layers[k].matrix) if k else adjoint
        found.append(LayerDerivatives(gradients, by_bias))
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
        way: of N points, one stream each.
        variances: of a reading of each layer.
        weights: (N,) of the points.
    """
    n_features = way.features.shape[-1]
    gram = np.zeros((n_features + 1, n_features + 1))
    block = gram[:-1, :-1]
    last = len(layers) - 1
    slopes = [own[0][:, 0] for own in way.slopes]
    block[np.diag_indices(n_features)] += variances[last] * (weights @ slopes[last].astype(np.float64) ** 2)
    if last == 0:
        return gram
    matrix = layers[last].matrix
    roots = np.sqrt(weights).astype(matrix.dtype)
    tile = max(1, _NUMBERS_AT_ONCE // matrix.size)
    for start in range(0, len(weights), tile):
        some = slice(start, start + tile)
        # One row of the readout's weights after the other: no copy is needed for their products.
        reached = (roots[some, None] * slopes[last][some]).T[:, :, None] * matrix[:, None, :]
        for k in range(last - 1, -1, -1):
            reached *= slopes[k][some]
            # Columns of B at all points side by side: their products add up to the sum over points.
            flat = reached.reshape(n_features, -1)
            block += variances[k] * (flat @ flat.T)
            if k:
                reached = reached @ layers[k].matrix
    return gram

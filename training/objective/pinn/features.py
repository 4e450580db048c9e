"""Measured features of a block, reduced to what a formula's quantities and a readout need of them.

The ansatz is affine in the network's outputs and the digital readout linear in its features, so quantities
are affine in the readout: ``q = q_0 + G theta``. Mostly G is kept as it is, a row for each quantity. A
squared gradient over more coordinates than there are features is a sum of more squares than it needs: an
orthogonal transformation of the slopes leaves the sum as it is, and with QR a triangle is left of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from photonzero.training.oracle import Array
from photonzero.training.pde.fields import QuantityMap, QuantityPlaces

_NUMBERS_AT_ONCE = 8_000_000
"""Numbers of triangles that are unpacked at a time, 64 MB."""

Link: TypeAlias = tuple[int, int, int]
"""(out, net, c): output `out` depends on the network's output `net` by coefficient c of the ansatz."""


class Features(Protocol):
    """Reduced features of P candidates at B points, of a network with n_f features and m outputs."""

    @property
    def places(self) -> QuantityPlaces:
        """Where a formula finds each quantity among the n_q numbers of `quantities`."""
        ...

    def store(self, some: slice, rows: slice, measured: Array, coefficients: Sequence[Array]) -> None:
        """Reduce what was measured.

        Args:
            some: the candidates.
            rows: the points.
            measured: their features (p, b, K, n_f) at the K nodes.
            coefficients: the distinct coefficients of the ansatz at these nodes, (b, K) each.
        """
        ...

    def quantities(self, p: int, theta: Array) -> Array:
        """Quantities (Q, B, m, n_q) of candidate p with readouts (Q, m, n_f + 1), biases last."""
        ...

    def by_readout(self, p: int, slopes: Array) -> Array:
        """Derivatives (B, E, m, n_f + 1) by the readout of what has slopes (B, E, m, n_q) by quantities."""
        ...


class PlainFeatures:
    """`Features` with a row for each quantity, in double precision.

    Args:
        layout: the quantities of the stencil.
        constant: quantities of the ansatz without a network, (B, m, n_q).
        links: see `Link`.
        shape: numbers of candidates and of features.
    """

    def __init__(
        self, layout: QuantityMap, constant: Array, links: Sequence[Link], shape: tuple[int, int]
    ) -> None:
        self.places: QuantityPlaces = layout
        self._layout, self._constant, self._links = layout, constant, links
        n_points, _, n_quantities = constant.shape
        n_coefficients = len({c for _, _, c in links})
        self._rows = np.empty((shape[0], n_coefficients, n_points, n_quantities, shape[1] + 1))

    def store(self, some: slice, rows: slice, measured: Array, coefficients: Sequence[Array]) -> None:
        """See `Features`."""
        measured = measured.astype(np.float64)
        for c, own in enumerate(coefficients):
            self._rows[some, c, rows, :, :-1] = self._layout.rows @ (measured * own[..., None])
            self._rows[some, c, rows, :, -1] = own @ self._layout.rows.T

    def quantities(self, p: int, theta: Array) -> Array:
        """See `Features`."""
        quantities = np.repeat(self._constant[None], len(theta), axis=0)
        for out, net, c in self._links:
            quantities[:, :, out] += np.moveaxis(self._rows[p, c] @ theta[:, net].T, -1, 0)
        return quantities

    def by_readout(self, p: int, slopes: Array) -> Array:
        """See `Features`."""
        columns = np.zeros((*slopes.shape[:3], self._rows.shape[-1]))
        for out, net, c in self._links:
            columns[:, :, net] += slopes[:, :, out] @ self._rows[p, c]
        return columns


class SummedFeatures:
    """`Features` for a squared gradient over more coordinates than an output has readout controls.

    Of d weighted slopes ``G theta + k`` of each point, whose squares are summed, the triangle of
    ``QR = [G, k]`` is kept, ``(n_f + 1 + m)^2 / 2`` numbers instead of ``d (n_f + 1)``, in the precision of
    what was measured. The other quantities are kept as in `PlainFeatures`.

    Args:
        layout: the quantities of the stencil.
        constant: quantities of the ansatz without a network, (B, m, n_q).
        links: see `Link`; all of one coefficient.
        shape: numbers of candidates and of features.
        dtype: of the measurement; whole numbers are kept in double precision, halves in single.
        dims: the coordinates of the squared gradient, whose weights are not negative.
    """

    def __init__(
        self,
        layout: QuantityMap,
        constant: Array,
        links: Sequence[Link],
        shape: tuple[int, int],
        dtype: np.dtype,
        dims: tuple[int, ...],
    ) -> None:
        summed = _rows_of(layout, dims)
        others = np.delete(np.arange(len(layout.rows)), summed)
        gone = summed.stop - summed.start
        places = {key: _moved(own, summed.stop, gone) for key, own in layout.places.items()}
        self._n_others, self._links = len(others), links
        self._n_columns, n_outputs = shape[1] + 1, constant.shape[1]
        size = self._n_columns + n_outputs
        places["slopes", dims] = slice(self._n_others, self._n_others + size)
        self.places = QuantityPlaces(places, {**layout.slope_weights, dims: np.ones(size)})
        plain = QuantityMap(places, {}, layout.rows[others])
        self._plain = PlainFeatures(plain, constant[:, :, others], links, shape)
        root = np.sqrt(layout.slope_weights[dims])
        # Nearly all nodes count for one slope each.
        self._slopes = csr_array(layout.rows[summed] * root[:, None])
        self._constant = constant[:, :, summed] * root
        self._triangle = np.triu_indices(size)
        self._packed = np.empty(
            (shape[0], len(constant), len(self._triangle[0])), dtype=np.result_type(dtype, np.float32)
        )

    def store(self, some: slice, rows: slice, measured: Array, coefficients: Sequence[Array]) -> None:
        """See `Features`."""
        self._plain.store(some, rows, measured, coefficients)
        (own,) = coefficients
        constant = np.moveaxis(self._constant[rows], 1, -1)
        for p, features in zip(range(*some.indices(len(self._packed))), measured, strict=True):
            weighted = np.concatenate([features, np.ones((*own.shape, 1))], axis=-1) * own[..., None]
            slopes = np.stack([self._slopes @ nodes for nodes in weighted])
            triangles = np.asarray(np.linalg.qr(np.concatenate([slopes, constant], axis=-1), mode="r"))
            self._packed[p, rows] = triangles[:, *self._triangle]

    def quantities(self, p: int, theta: Array) -> Array:
        """See `Features`."""
        others = self._plain.quantities(p, theta)
        slopes = np.zeros((*others.shape[:3], self._n_columns + others.shape[2]))
        for rows, triangles in self._unpacked(p):
            slopes[:, rows] = np.moveaxis(triangles[..., self._n_columns :], -1, 1)
            for out, net, _ in self._links:
                slopes[:, rows, out] += np.moveaxis(
                    triangles[..., : self._n_columns] @ theta[:, net].T, -1, 0
                )
        return np.concatenate([others, slopes], axis=-1)

    def by_readout(self, p: int, slopes: Array) -> Array:
        """See `Features`."""
        columns = self._plain.by_readout(p, slopes[..., : self._n_others])
        for rows, triangles in self._unpacked(p):
            for out, net, _ in self._links:
                own = slopes[rows, :, out, self._n_others :]
                columns[rows, :, net] += own @ triangles[..., : self._n_columns]
        return columns

    def _unpacked(self, p: int) -> Iterator[tuple[slice, Array]]:
        """Some points and their triangles (b, n, n), one tile after the other."""
        n = self._n_columns + self._constant.shape[1]
        tile = max(1, _NUMBERS_AT_ONCE // n**2)
        for start in range(0, self._packed.shape[1], tile):
            rows = slice(start, start + tile)
            packed = self._packed[p, rows]
            triangles = np.zeros((len(packed), n, n))
            triangles[:, *self._triangle] = packed
            yield rows, triangles


def reduced_features(
    layout: QuantityMap, constant: Array, links: Sequence[Link], shape: tuple[int, int], dtype: np.dtype
) -> Features:
    """Room for features: summed where a squared gradient has more slopes than a sum needs.

    Args:
        layout: the quantities of the stencil.
        constant: quantities of the ansatz without a network, (B, m, n_q).
        links: see `Link`.
        shape: numbers of candidates and of features.
        dtype: of the measurement.
    """
    needed = shape[1] + 1 + constant.shape[1]
    for dims, weights in layout.slope_weights.items():
        one = len({c for _, _, c in links}) == 1
        if one and len(weights) > needed and (weights >= 0).all() and ("slopes", dims) in layout.places:
            return SummedFeatures(layout, constant, links, shape, dtype, dims)
    return PlainFeatures(layout, constant, links, shape)


def _rows_of(layout: QuantityMap, dims: tuple[int, ...]) -> slice:
    place = layout.places["slopes", dims]
    assert isinstance(place, slice)
    return place


def _moved(place: int | slice, after: int, by: int) -> int | slice:
    """A place among quantities of which some before `after` are gone."""
    start = place.start if isinstance(place, slice) else place
    if start < after:
        return place
    return slice(start - by, place.stop - by) if isinstance(place, slice) else place - by

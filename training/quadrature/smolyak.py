"""Smolyak sparse grids for the standard normal weight, in any dimension and level.

The rule is ``A(L, d) = sum over |l| <= L + d - 1 of (D_l1 x ... x D_ld)`` with differences
``D_l = U_l - U_(l-1)`` of one-dimensional rules, exact up to total degree
``2 L - 1`` [novak1996].

Nodes are never merged by comparing floating-point numbers. A node is a multiset of coordinates of
one table, and its merged weight depends on that multiset alone. With the generating function of a
coordinate c, ``g_c(t) = sum_l t^(l-1) (w_l(c) - w_(l-1)(c))``, the weight of a node is ``sum over e
< L of [t^e] of prod_i g_(c_i)(t)``: one truncated product per orbit, instead of a sum over all
tensor grids. All zeros together contribute the power ``g_0^(number of zeros)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations, product
from math import comb
from typing import cast

import numpy as np
from scipy import sparse

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array
from photonzero.training.quadrature.families import family_rule

_ROUNDING = 64 * np.finfo(float).eps


@dataclass(frozen=True)
class SparseGrid:
    """A symmetric rule ``E f(Z) ~ sum_k weights[k] f(nodes[k])``, Z standard normal, d numbers.

    Attributes:
        nodes: K nodes, (K, d), as compressed sparse rows: one of level L has at most L - 1 coordinates off
            zero. The centre comes first where it belongs to the rule.
        weights: weights of the nodes, (K,), some negative.
        mirror: index of the node -x of each node x, (K,); its coordinates are equal bit for bit, and so is
            its weight.
        degree: polynomials up to this total degree are integrated exactly.
    """

    nodes: sparse.csr_array
    weights: Array
    mirror: Array
    degree: int

    @property
    def n_nodes(self) -> int:
        """Number of nodes, K."""
        return self.weights.size

    @property
    def dim(self) -> int:
        """Number of coordinates, d."""
        return cast("tuple[int, int]", self.nodes.shape)[1]


@lru_cache(maxsize=16)
def smolyak(dim: int, level: int, family: str = "gauss-hermite") -> SparseGrid:
    """The sparse grid of a level; its arrays are read-only, since the grid is cached.

    Args:
        dim: number of coordinates, >= 1.
        level: level of the grid, >= 1; exact up to total degree ``2 level - 1``.
        family: one-dimensional rules, a name of `photonzero.training.quadrature.FAMILIES`.

    Returns:
        The grid. Coordinates and weights are in units of the standard deviation.

    Raises:
        ArgumentError: dim or level below 1, or an unknown family.
    """
    for name, number in (("dim", dim), ("level", level)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise ArgumentError(f"{name}: {number}; allowed: integers >= 1")
    table, excess, series = _coordinate_table(level, family)
    blocks = []
    for orbit in _orbits(excess, level - 1, dim):
        weight = _orbit_weight(orbit, series, dim)
        # Where the differences cancel (all nodes of lower levels in one dimension, say), what is
        # left is rounding: such a node would be measured for nothing.
        if abs(weight) > _ROUNDING * _orbit_weight(orbit, np.abs(series), dim):
            blocks.append((*_orbit_nodes(orbit, table, dim), weight))
    return _assemble(blocks, dim, 2 * level - 1)


def _coordinate_table(level: int, family: str) -> tuple[list[float], list[int], Array]:
    """Coordinates x >= 0 (0 first), the excess ``l - 1`` of their first level, g_c (C, level)."""
    rules = [family_rule(family, order) for order in range(1, level + 1)]
    table, excess = [0.0], [0]
    for order, rule in enumerate(rules):
        for node in rule.nodes:
            if node not in table:
                table.append(node)
                excess.append(order)
    weights = np.zeros((len(table), level))
    for order, rule in enumerate(rules):
        weights[[table.index(node) for node in rule.nodes], order] = rule.weights
    return table, excess, np.diff(weights, axis=1, prepend=0.0)


def _orbits(excess: list[int], budget: int, dim: int) -> Iterator[tuple[int, ...]]:
    """Multisets of at most `dim` entries off zero whose excesses add up to at most `budget`."""

    def extend(orbit: tuple[int, ...], first: int, left: int) -> Iterator[tuple[int, ...]]:
        yield orbit
        if len(orbit) < dim:
            for entry in range(first, len(excess)):
                if excess[entry] <= left:
                    yield from extend((*orbit, entry), entry, left - excess[entry])

    return extend((), 1, budget)


def _orbit_weight(orbit: tuple[int, ...], series: Array, dim: int) -> float:
    """Weight of every node of the orbit."""
    power, square, exponent = _one(series.shape[1]), series[0], dim - len(orbit)
    while exponent:
        if exponent & 1:
            power = _times(power, square)
        square = _times(square, square)
        exponent >>= 1
    for entry in orbit:
        power = _times(power, series[entry])
    return float(power.sum())


def _one(length: int) -> Array:
    one = np.zeros(length)
    one[0] = 1.0
    return one


def _times(left: Array, right: Array) -> Array:
    """Product of two power series, cut to their length."""
    return np.convolve(left, right)[: left.size]


def _orbit_nodes(orbit: tuple[int, ...], table: list[float], dim: int) -> tuple[Array, Array]:
    """Places (n, a) and coordinates (n, a) of the orbit's nodes; the signs run fastest.

    Sign patterns are listed so that pattern s and pattern ``2^a - 1 - s`` are opposite.
    """
    active = len(orbit)
    places = np.array(list(combinations(range(dim), active)), dtype=np.int32)
    places = places.reshape(comb(dim, active), active)
    orders = sorted(set(permutations(orbit)))
    arranged = np.array(orders, dtype=np.intp).reshape(len(orders), active)
    signs = np.array(list(product((1.0, -1.0), repeat=active))).reshape(2**active, active)
    values = np.array(table)[arranged][:, None, :] * signs
    values = values.reshape(len(orders) * 2**active, active)
    n_places, n_values = places.shape[0], values.shape[0]
    return np.repeat(places, n_values, axis=0), np.tile(values, (n_places, 1))


def _assemble(blocks: list[tuple[Array, Array, float]], dim: int, degree: int) -> SparseGrid:
    counts = [places.shape[0] for places, _, _ in blocks]
    starts = np.concatenate([[0], np.cumsum(counts)])
    mirror = np.empty(starts[-1], dtype=np.intp)
    for start, count, (places, _, _) in zip(starts, counts, blocks, strict=False):
        patterns = np.arange(count).reshape(-1, 2 ** places.shape[1])
        mirror[start : start + count] = start + patterns[:, ::-1].ravel()
    lengths = np.concatenate([np.full(p.shape[0], p.shape[1]) for p, _, _ in blocks])
    nodes = sparse.csr_array(
        (
            np.concatenate([values.ravel() for _, values, _ in blocks]),
            np.concatenate([places.ravel() for places, _, _ in blocks]),
            np.concatenate([[0], np.cumsum(lengths)]),
        ),
        shape=(int(starts[-1]), dim),
    )
    weights = np.concatenate([np.full(n, w) for n, (_, _, w) in zip(counts, blocks, strict=True)])
    for array in (nodes.data, nodes.indices, nodes.indptr, weights, mirror):
        array.flags.writeable = False
    return SparseGrid(nodes, weights, mirror, degree)

"""Difference weights of any derivative in one coordinate, central or one-sided, and their tensor products."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import factorial, prod
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.stencils.base import DerivativeRequest

Place: TypeAlias = tuple[tuple[int, int], ...]
"""A lattice node: (coordinate, steps) for each coordinate off the centre, ascending."""

_NO_SIDES: Mapping[int, int] = MappingProxyType({})


@lru_cache(maxsize=64)
def difference_weights(derivative: int, order: int, side: int = 0) -> dict[int, float]:
    """Weights by step, unit spacing, of the difference of even accuracy `order`.

    The narrowest formula, symmetric for side 0, with no step below 0 for side 1 and none above for side
    -1, from the Taylor conditions ``sum_s w_s s^k = k! [k = derivative]`` solved in rational numbers, so
    that every weight is correctly rounded and mirrored weights are equal up to the sign. Leading error:
    ``error_constant`` times h^order times u's derivative of order ``derivative + order``.
    """
    return {step: float(w) for step, w in _exact_weights(derivative, order, side).items() if w}


@lru_cache(maxsize=64)
def error_constant(derivative: int, order: int, side: int = 0) -> float:
    """Factor c of the leading error ``c h^order u^(derivative + order)``.

    At order 2 it is 1/6 and 1/12 for first and second derivatives, one-sided -1/3 and -11/12.
    """
    power = derivative + order
    moment = sum(w * step**power for step, w in _exact_weights(derivative, order, side).items())
    return float(moment / factorial(power))


def _exact_weights(derivative: int, order: int, side: int) -> dict[int, Fraction]:
    half = (derivative + 1) // 2 + order // 2 - 1
    steps = [side * k for k in range(derivative + order)] if side else list(range(-half, half + 1))
    size = len(steps)
    rows = [[Fraction(step) ** k for step in steps] for k in range(size)]
    right = [Fraction(factorial(k) if k == derivative else 0) for k in range(size)]
    for pivot in range(size):
        chosen = next(r for r in range(pivot, size) if rows[r][pivot])
        rows[pivot], rows[chosen] = rows[chosen], rows[pivot]
        right[pivot], right[chosen] = right[chosen], right[pivot]
        for r in range(size):
            factor = rows[r][pivot] / rows[pivot][pivot]
            if r != pivot and factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[pivot], strict=True)]
                right[r] -= factor * right[pivot]
    return {step: right[i] / rows[i][i] for i, step in enumerate(steps)}


def partial_nodes(
    coordinates: tuple[int, ...], order: int, spacing: float, sides: Mapping[int, int] = _NO_SIDES
) -> dict[Place, float]:
    """Nodes and weights of one partial derivative, such as (0, 0, 1): a tensor product.

    Args:
        coordinates: the coordinates that the derivative is taken in.
        order: order of accuracy, even.
        spacing: distance of neighbouring nodes.
        sides: the side, 1 or -1, of each coordinate with values on one side only.
    """
    orders = sorted(Counter(coordinates).items())
    tables = [difference_weights(count, order, sides.get(axis, 0)).items() for axis, count in orders]
    nodes: dict[Place, float] = {}
    for combination in product(*tables):
        place = tuple((axis, step) for (axis, _), (step, _) in zip(orders, combination, strict=True) if step)
        nodes[place] = prod(w for _, w in combination) / spacing ** len(coordinates)
    return nodes


def requested_nodes(
    request: DerivativeRequest,
    offsets: Array,
    places: dict[Place, int],
    order: int,
    spacing: float,
) -> tuple[Array, dict[tuple[int, ...], Array], Array | None]:
    """Add what a request asks for to the nodes of a stencil.

    Args:
        request: what the PDE needs, checked before.
        offsets: the nodes there are, (K, d); the centre is among them.
        places: the lattice nodes among them, by place.
        order: order of accuracy, even.
        spacing: distance of neighbouring lattice nodes.

    Returns:
        Offsets (K', d) that begin with the old ones; weights (K',) of each mixed derivative by
        ascending coordinates; weights (n, K') of the curvatures, None where no direction is asked
        for.
    """
    dim = offsets.shape[1]
    places = dict(places)
    extra: list[Array] = []
    sparse_rows: list[dict[int, float]] = []

    def index_of(place: Place) -> int:
        if place not in places:
            offset = np.zeros(dim)
            for axis, step in place:
                offset[axis] = step * spacing
            extra.append(offset)
            places[place] = offsets.shape[0] + len(extra) - 1
        return places[place]

    sides = request.sides
    keys = [tuple(sorted(coordinates)) for coordinates in request.mixed]
    for key in keys:
        nodes = partial_nodes(key, order, spacing, sides)
        sparse_rows.append({index_of(place): weight for place, weight in nodes.items()})
    for direction in request.directions:
        row: dict[int, float] = defaultdict(float)
        if any(direction[axis] for axis in sides):
            # A line along the vector may leave the domain on both sides: its entries of H one by one.
            moved = [axis for axis in range(dim) if direction[axis]]
            for i, j in product(moved, moved):
                for place, weight in partial_nodes((i, j), order, spacing, sides).items():
                    row[index_of(place)] += direction[i] * direction[j] * weight
            sparse_rows.append(row)
            continue
        vector = np.array(direction, dtype=float)
        length = float(np.linalg.norm(vector))
        for step, weight in difference_weights(2, order).items():
            scaled = weight * (length / spacing) ** 2
            if step == 0:
                row[places[()]] = scaled
            else:
                extra.append(vector * (step * spacing / length))
                row[offsets.shape[0] + len(extra) - 1] = scaled
        sparse_rows.append(row)

    all_offsets = np.vstack([offsets, *extra]) if extra else offsets
    rows = np.zeros((len(sparse_rows), all_offsets.shape[0]))
    for target, row in zip(rows, sparse_rows, strict=True):
        target[list(row)] = list(row.values())
    partials = dict(zip(keys, rows, strict=False))
    return all_offsets, partials, rows[len(keys) :] if request.directions else None

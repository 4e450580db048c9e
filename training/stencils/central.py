"""Central differences along the axes: 2 d + 1 nodes at second order, 4 d + 1 at fourth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array
from photonzero.training.stencils._differences import (
    Place,
    difference_weights,
    error_constant,
    requested_nodes,
)
from photonzero.training.stencils.base import DerivativeRequest, DerivativeStencil, RuleEntry
from photonzero.training.stencils.spacing import SpacedRule


@dataclass(frozen=True)
class CentralDifference(SpacedRule):
    """Central differences of order 2 or 4 along each axis.

    Error, to leading order: gradient ``h^2/6 u_iii`` or ``-h^4/30 u^(5)``, second derivative
    ``h^2/12 u_iiii`` or ``-h^4/90 u^(6)``. Noise of standard deviation s leaves ``s / (sqrt 2 h)``
    on the gradient and, at order 2, ``s sqrt(4 d^2 + 2 d) / h^2`` on the Laplacian: nearly all of
    it through the centre. Cost: 2 d + 1 or 4 d + 1 inferences [fornberg1988 for the weights].

    A coordinate with values on one side has one-sided differences of the same order: errors ``-h^2/3 u_iii``
    and ``-11/12 h^2 u_iiii``, or ``-h^4/5 u^(5)`` and ``-137/180 h^4 u^(6)``, and one node more.

    Attributes:
        order: 2 or 4.
        spacing: distance of neighbouring nodes, in units of the input, or "auto".
    """

    order: int = 2
    spacing: float | str = 0.05

    def __post_init__(self) -> None:
        if self.order not in (2, 4):
            raise ArgumentError(f"order: {self.order!r}; allowed: 2, 4")
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "central" if self.order == 2 else "central4"

    def _length(self) -> tuple[float | str, str]:
        return self.spacing, "spacing"

    def _truncation(self, derivative: int, side: int = 0) -> tuple[int, float]:
        return self.order, error_constant(derivative, self.order, side)

    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        axes = tuple(range(dim))
        offsets, gradient, hessian, places = axis_rows(dim, axes, self.order, spacing, request.sides)
        return with_requested(offsets, gradient, hessian, places, request, self.order, spacing)


CENTRAL = RuleEntry(
    "Second-order central differences: 2 d + 1 inferences a point in d coordinates.",
    partial(CentralDifference, order=2),
    fixed=("order",),
)
CENTRAL4 = RuleEntry(
    "Fourth-order central differences: 4 d + 1 inferences a point in d coordinates.",
    partial(CentralDifference, order=4),
    fixed=("order",),
)


def axis_rows(
    dim: int, axes: tuple[int, ...], order: int, spacing: float, sides: Mapping[int, int]
) -> tuple[Array, Array, Array, dict[Place, int]]:
    """Nodes along some axes: the centre, then +-h, then +-2h and so on, the axes running fastest.

    Args:
        dim: number of coordinates.
        axes: coordinates that nodes are needed in.
        order: order of accuracy, even.
        spacing: distance of neighbouring nodes.
        sides: the side, 1 or -1, of each coordinate with values on one side only.

    Returns:
        Offsets (K, d), gradient rows and second-derivative rows (d, K), zero for the other axes,
        and the place of every node.
    """
    tables = {
        axis: (
            difference_weights(1, order, sides.get(axis, 0)),
            difference_weights(2, order, sides.get(axis, 0)),
        )
        for axis in axes
    }
    # A second derivative takes the steps that a first one takes, and more.
    steps = {
        axis: sorted((s for s in second if s), key=lambda s: (abs(s), -s))
        for axis, (_, second) in tables.items()
    }
    longest = max((len(own) for own in steps.values()), default=0)
    lattice = [(axis, steps[axis][k]) for k in range(longest) for axis in axes if k < len(steps[axis])]
    n_nodes = 1 + len(lattice)
    offsets = np.zeros((n_nodes, dim))
    gradient, hessian = np.zeros((dim, n_nodes)), np.zeros((dim, n_nodes))
    places: dict[Place, int] = {(): 0}
    for axis, (first, second) in tables.items():
        gradient[axis, 0] = first.get(0, 0.0) / spacing
        hessian[axis, 0] = second[0] / spacing**2
    for node, (axis, step) in enumerate(lattice, start=1):
        first, second = tables[axis]
        offsets[node, axis] = step * spacing
        gradient[axis, node] = first.get(step, 0.0) / spacing
        hessian[axis, node] = second[step] / spacing**2
        places[((axis, step),)] = node
    return offsets, gradient, hessian, places


def with_requested(
    offsets: Array,
    gradient: Array,
    hessian: Array,
    places: dict[Place, int],
    request: DerivativeRequest,
    order: int,
    spacing: float,
) -> DerivativeStencil:
    """A stencil of these rows, whose value is the centre's, with what the request adds."""
    offsets, partials, curvatures = requested_nodes(request, offsets, places, order, spacing)
    padding = ((0, 0), (0, offsets.shape[0] - gradient.shape[1]))
    value = np.zeros(offsets.shape[0])
    value[places[()]] = 1.0
    return DerivativeStencil(
        offsets,
        value,
        np.pad(gradient, padding),
        np.pad(hessian, padding),
        partials=partials,
        curvatures=curvatures,
    )

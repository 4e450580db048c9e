"""Central differences along the axes: 2 d + 1 nodes at second order, 4 d + 1 at fourth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.errors import ArgumentError
from training.oracle import Array
from training.stencils.base import DerivativeRequest, DerivativeStencil
from training.stencils.differences import (
    Place,
    central_error_constant,
    central_weights,
    requested_nodes,
)
from training.stencils.spacing import SpacedRule


@dataclass(frozen=True)
class CentralDifference(SpacedRule):
    """Central differences of order 2 or 4 along each axis.

    Error, to leading order: gradient ``h^2/6 u_iii`` or ``-h^4/30 u^(5)``, second derivative
    ``h^2/12 u_iiii`` or ``-h^4/90 u^(6)``. Noise of standard deviation s leaves ``s / (sqrt 2 h)``
    on the gradient and, at order 2, ``s sqrt(4 d^2 + 2 d) / h^2`` on the Laplacian: nearly all of
    it through the centre. Cost: 2 d + 1 or 4 d + 1 inferences [fornberg1988 for the weights].

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

    def _truncation(self, derivative: int) -> tuple[int, float]:
        return self.order, central_error_constant(derivative, self.order)

    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        axes = tuple(range(dim))
        offsets, gradient, hessian, places = axis_rows(dim, axes, self.order, spacing)
        return with_requested(offsets, gradient, hessian, places, request, self.order, spacing)


def axis_rows(
    dim: int, axes: tuple[int, ...], order: int, spacing: float
) -> tuple[Array, Array, Array, dict[Place, int]]:
    """Nodes along some axes: the centre, then +-h, then +-2h, the axes running fastest.

    Returns:
        Offsets (K, d), gradient rows and second-derivative rows (d, K), zero for the other axes,
        and the place of every node.
    """
    n_axes = len(axes)
    first, second = central_weights(1, order), central_weights(2, order)
    steps = [sign * size for size in range(1, order // 2 + 1) for sign in (1, -1)]
    n_nodes = 1 + len(steps) * n_axes
    offsets = np.zeros((n_nodes, dim))
    gradient, hessian = np.zeros((dim, n_nodes)), np.zeros((dim, n_nodes))
    rows = np.array(axes, dtype=np.intp)
    hessian[rows, 0] = second[0] / spacing**2
    places: dict[Place, int] = {(): 0}
    for block, step in enumerate(steps):
        nodes = 1 + block * n_axes + np.arange(n_axes)
        offsets[nodes, rows] = step * spacing
        gradient[rows, nodes] = first[step] / spacing
        hessian[rows, nodes] = second[step] / spacing**2
        places.update((((axis, step),), int(k)) for axis, k in zip(axes, nodes, strict=True))
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

"""Central differences: 2 d + 1 nodes at second order, 4 d + 1 at fourth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.errors import ArgumentError
from training.stencils.base import DerivativeRequest, DerivativeStencil

_FIRST = {2: (1 / 2,), 4: (2 / 3, -1 / 12)}
_SECOND = {2: (1.0,), 4: (4 / 3, -1 / 12)}


@dataclass(frozen=True)
class CentralDifference:
    """Central differences of order 2 or 4 along each axis.

    Attributes:
        order: 2 or 4.
        spacing: distance of neighbouring nodes, in units of the input.
    """

    order: int = 2
    spacing: float = 0.05

    def __post_init__(self) -> None:
        if self.order not in _FIRST:
            raise ArgumentError(f"order: {self.order}; allowed: 2, 4")
        if not (np.isfinite(self.spacing) and self.spacing > 0):
            raise ArgumentError(f"spacing: {self.spacing}; allowed: finite numbers > 0")

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "central" if self.order == 2 else "central4"

    def stencil(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest | None = None
    ) -> DerivativeStencil:
        """The stencil: the centre, then +-h, then +-2h, coordinates running fastest."""
        if dim < 1:
            raise ArgumentError(f"dim: {dim}; allowed: integers >= 1")
        steps = [sign * (j + 1) for j in range(self.order // 2) for sign in (1, -1)]
        n_nodes = 1 + len(steps) * dim
        offsets = np.zeros((n_nodes, dim))
        gradient = np.zeros((dim, n_nodes))
        hessian = np.zeros((dim, n_nodes))
        axes = np.arange(dim)
        for block, step in enumerate(steps):
            nodes = 1 + block * dim + axes
            offsets[nodes, axes] = step * self.spacing
            gradient[axes, nodes] = np.sign(step) * _FIRST[self.order][abs(step) - 1] / self.spacing
            hessian[axes, nodes] = _SECOND[self.order][abs(step) - 1] / self.spacing**2
        hessian[:, 0] = -hessian.sum(axis=1)
        value = np.zeros(n_nodes)
        value[0] = 1.0
        return DerivativeStencil(offsets, value, gradient, hessian)

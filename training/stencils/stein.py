"""Stein derivatives of the Gaussian-smoothed function on a sparse grid.

With ``u_s(x) = E u(x + s Z)``: ``grad u_s = E Z u(x + s Z) / s`` and
``d2 u_s/dx_i2 = E (Z_i^2 - 1) u(x + s Z) / s^2``. The grid is symmetric, so the difference of
mirrored nodes in the published form, ``sum w d (u+ - u-) / (2 s^2)``, is the plain sum ``sum w d u / s^2``
over the same nodes: no value is measured twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.errors import ArgumentError
from training.quadrature import smolyak
from training.stencils.base import DerivativeRequest, DerivativeStencil
from training.stencils.rows import SparseRows


@dataclass(frozen=True)
class SteinSparseGrid:
    """Stein derivatives on a Smolyak grid.

    Attributes:
        level: of the grid; exact to total degree ``2 level - 1`` of Hermite weight times u.
        sigma: standard deviation of the smoothing, in units of the input.
        family: one-dimensional rules of the grid.
    """

    level: int = 3
    sigma: float = 0.1
    family: str = "gauss-hermite"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.sigma) and self.sigma > 0):
            raise ArgumentError(f"sigma: {self.sigma}; allowed: finite numbers > 0")
        smolyak(1, self.level, self.family)

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "sparse-grid"

    def stencil(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest | None = None
    ) -> DerivativeStencil:
        """The stencil: 925 nodes in 21 dimensions at level 3, the centre first."""
        grid = smolyak(dim, self.level, self.family)
        weights = grid.weights
        first = sparse.csr_array(grid.nodes.multiply(weights[:, None]).T) * (1 / self.sigma)
        second = sparse.csr_array(grid.nodes.power(2).multiply(weights[:, None]).T)
        second = second * (1 / self.sigma**2)
        return DerivativeStencil(
            offsets=grid.nodes.toarray() * self.sigma,
            value=weights,
            gradient=SparseRows(first),
            hessian_diagonal=SparseRows(second, -weights / self.sigma**2),
        )

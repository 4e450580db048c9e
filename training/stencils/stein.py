"""Stein derivatives of the Gaussian-smoothed function on a sparse grid.

The grid is symmetric, so the difference of mirrored nodes in the published form,
``sum w d (u+ - u-) / (2 s^2)``, is the plain sum ``sum w d u / s^2`` over the same nodes: no value
is measured twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from photonzero.training.checks import checked_count
from photonzero.training.errors import ArgumentError
from photonzero.training.quadrature import SparseGrid, smolyak
from photonzero.training.stencils._hermite import curvature_weights, partial_weight
from photonzero.training.stencils.base import DerivativeRequest, DerivativeStencil, RuleEntry
from photonzero.training.stencils.rows import SparseRows
from photonzero.training.stencils.spacing import SpacedRule

_LEAST_LEVEL, _HIGHEST_LEVEL = 3, 100

_MOST_PRODUCTS = 200_000
"""Of one-dimensional rules in a grid; each is several nodes, and level 7 in 21 coordinates has 177,100."""


@dataclass(frozen=True)
class SteinSparseGrid(SpacedRule):
    """Stein derivatives on a Smolyak grid.

    All derivatives, and the value, are those of ``u_s = E u(x + s Z)``: bias ``s^2/2`` times the
    Laplacian of what is estimated, to leading order. Inferences at level 3: ``2 d^2 + 2 d + 1``
    with "gauss-hermite" (925 for d = 21), ``2 d^2 + 1`` with "kronrod-patterson" (883). Noise of
    standard deviation e leaves ``e |weights|``: for d = 21 at level 3 on the Laplacian
    ``4478 e / s^2`` with "gauss-hermite", whose weights cancel, and ``380 e / s^2`` with
    "kronrod-patterson" (central differences: ``42.5 e / h^2``).

    Attributes:
        level: level of the sparse grid, >= 3: the Hermite weight of a second derivative times a quadratic has
            degree 4, and a level L integrates degree ``2 L - 1``.
        sigma: standard deviation s of the smoothing, in units of the input, or "auto".
        family: one-dimensional rules of the grid, a name of `photonzero.training.quadrature.FAMILIES`.
    """

    level: int = 3
    sigma: float | str = 0.1
    family: str = "gauss-hermite"

    def __post_init__(self) -> None:
        checked_count(self.level, "level", _LEAST_LEVEL, _HIGHEST_LEVEL)
        if not isinstance(self.family, str):
            raise ArgumentError(f"family: {self.family!r}; allowed: a name")
        smolyak(1, self.level, self.family)
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "sparse-grid"

    def _length(self) -> tuple[float | str, str]:
        return self.sigma, "sigma"

    @property
    def one_sided(self) -> bool:
        """False: smoothing needs values on both sides."""
        return False

    def _truncation(self, derivative: int, side: int = 0) -> tuple[int, float]:
        return 2, 0.5

    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        if math.comb(dim + self.level - 2, self.level - 1) > _MOST_PRODUCTS:
            raise ArgumentError(
                f"level: {self.level} in {dim} coordinates makes a grid of more than {_MOST_PRODUCTS:,} "
                "products of rules; allowed: a lower level"
            )
        grid = smolyak(dim, self.level, self.family)
        points = grid.nodes.toarray()
        curvatures = curvature_weights(points, request.directions)
        return DerivativeStencil(
            offsets=points * spacing,
            value=grid.weights,
            gradient=SparseRows(_weighted_power(grid, 1, 1 / spacing)),
            hessian_diagonal=SparseRows(_weighted_power(grid, 2, 1 / spacing**2), -grid.weights / spacing**2),
            partials={
                key: self._partial(grid, points, key) / spacing ** len(key)
                for key in (tuple(sorted(coordinates)) for coordinates in request.mixed)
            },
            curvatures=None if curvatures is None else curvatures * (grid.weights / spacing**2),
        )

    def _partial(self, grid: SparseGrid, points: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
        if 2 * len(key) > grid.degree:
            raise ArgumentError(
                f"request mixed: {key} at level {self.level}; allowed: at most {self.level - 1} "
                f"coordinates (or level >= {len(key) + 1})"
            )
        return grid.weights * partial_weight(points, key)


RULE = RuleEntry(
    "Stein derivatives of the smoothed function on a sparse grid: 2 d^2 + 2 d + 1 inferences at level 3.",
    SteinSparseGrid,
)


def _weighted_power(grid: SparseGrid, power: int, factor: float) -> sparse.csr_array:
    """``factor w_k x_ki^power`` as (d, K) sparse rows."""
    counts = np.diff(grid.nodes.indptr)
    data = grid.nodes.data**power * np.repeat(grid.weights, counts) * factor
    columns = sparse.csr_array((data, grid.nodes.indices, grid.nodes.indptr), grid.nodes.shape)
    return sparse.csr_array(columns.T)

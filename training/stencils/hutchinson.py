"""Laplacian and squared gradient from random directions of +-1: three inferences each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import hadamard

from photonzero.training.checks import MOST_DRAWN, checked_count
from photonzero.training.oracle import Array
from photonzero.training.stencils._differences import error_constant, requested_nodes
from photonzero.training.stencils.base import DerivativeRequest, DerivativeStencil, RuleEntry, TraceEstimate
from photonzero.training.stencils.central import axis_rows
from photonzero.training.stencils.spacing import SpacedRule


@dataclass(frozen=True)
class HutchinsonDirections(SpacedRule):
    """Second differences along m random directions v of +-1 [hutchinson1990].

    ``v^T H v ~ (u(x + h v) - 2 u(x) + u(x - h v)) / h^2`` has the mean ``tr H`` and the variance
    ``2 sum over i != j of H_ij^2`` (0 for a separable u), divided by m. The slope
    ``(u(x + h v) - u(x - h v)) / (2 h)`` comes from the same three values: times v it has the mean
    grad u, squared it has the mean |grad u|^2. Orthogonal directions (rows of a Hadamard matrix
    with random signs and columns) have the same mean and at most the same variance; with a full set
    the Laplacian is that of the full stencil.

    Directions are drawn in the coordinates of the request's Laplacian; every other coordinate
    (time) gets its own central difference. A coordinate with values on one side gets its own one-sided
    difference, which is added to the Laplacian where it is part of it.

    Bias: ``h^2/12`` times the fourth derivatives along v.
    Noise of standard deviation s leaves ``s sqrt(4 + 2/m) / h^2`` on the Laplacian, independent of
    d. Cost: ``1 + 2 m + 2 (d - number of Laplacian coordinates)`` inferences.

    Attributes:
        n_directions: number of directions, m.
        spacing: distance h of neighbouring nodes in each coordinate, in units of the input, or
            "auto".
        orthogonal: whether the directions of one draw are orthogonal where they can be.
    """

    n_directions: int = 1
    spacing: float | str = 0.05
    orthogonal: bool = True

    def __post_init__(self) -> None:
        checked_count(self.n_directions, "n_directions", most=MOST_DRAWN)
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "hutchinson"

    @property
    def random(self) -> bool:
        """True: each stencil is a new draw."""
        return True

    def _length(self) -> tuple[float | str, str]:
        return self.spacing, "spacing"

    def _truncation(self, derivative: int, side: int = 0) -> tuple[int, float]:
        return 2, error_constant(derivative, 2, side)

    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        dims = tuple(range(dim)) if request.laplacian is None else request.laplacian
        sides = request.sides
        drawn = [i for i in dims if i not in sides]
        alone = [i for i in dims if i in sides]
        others = tuple(i for i in range(dim) if i not in drawn)
        count = self.n_directions if drawn else 0
        draw = orthogonal_signs if self.orthogonal else independent_signs
        signs = draw(count, len(drawn), rng) if drawn else np.zeros((0, 0))

        base, base_gradient, base_hessian, places = axis_rows(dim, others, 2, spacing, sides)
        plus = np.arange(base.shape[0], base.shape[0] + count)
        steps = np.zeros((count, dim))
        steps[:, drawn] = signs * spacing
        offsets = np.vstack([base, steps, -steps])
        offsets, partials, curvatures = requested_nodes(request, offsets, places, 2, spacing)

        n_nodes = offsets.shape[0]
        slopes = np.zeros((count, n_nodes))
        slopes[np.arange(count), plus] = 1 / (2 * spacing)
        slopes[np.arange(count), plus + count] = -1 / (2 * spacing)
        trace = np.zeros(n_nodes)
        trace[: base.shape[0]] = base_hessian[alone].sum(axis=0)
        gradient = np.zeros((dim, n_nodes))
        gradient[:, : base.shape[0]] = base_gradient
        if drawn:
            trace[0] -= 2 / spacing**2
            trace[plus] = trace[plus + count] = 1 / (count * spacing**2)
            gradient[drawn] = signs.T @ slopes / count
        for axis in others:
            own = np.zeros(n_nodes)
            own[: base.shape[0]] = base_hessian[axis]
            partials.setdefault((axis, axis), own)
        value = np.zeros(n_nodes)
        value[0] = 1.0
        # One-sided slopes are squared as they are, those along directions are averaged.
        slopes = np.vstack([slopes, gradient[alone]])
        slope_weights = np.concatenate([np.full(count, 1 / max(count, 1)), np.ones(len(alone))])
        estimate = TraceEstimate(dims, trace, slopes, slope_weights)
        return DerivativeStencil(offsets, value, gradient, None, estimate, partials, curvatures)


RULE = RuleEntry(
    "Laplacian from m random directions, other coordinates by differences: 2 m + 3 inferences with time.",
    HutchinsonDirections,
)


def independent_signs(count: int, width: int, rng: np.random.Generator) -> Array:
    """Independent, uniform +-1, (count, width)."""
    return rng.choice(np.array([-1.0, 1.0]), size=(count, width))


def orthogonal_signs(count: int, width: int, rng: np.random.Generator) -> Array:
    """Directions of +-1, (count, width), each uniform, orthogonal within a full set.

    A Hadamard matrix of size n >= width gives n rows at a time: random signs of its columns make
    every row uniform, a random choice of rows and columns makes all pairs alike. More than n rows
    come from several sets.
    """
    size = 1 << (width - 1).bit_length()
    matrix = hadamard(size).astype(float)
    sets = []
    for start in range(0, count, size):
        rows = rng.permutation(size)[: count - start]
        columns = rng.permutation(size)[:width]
        sets.append(matrix[np.ix_(rows, columns)] * independent_signs(1, width, rng))
    return np.vstack(sets)

"""Central differences in a random sample of the coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from photonzero.training.checks import MOST_DRAWN, checked_count
from photonzero.training.stencils._differences import error_constant
from photonzero.training.stencils.base import DerivativeRequest, DerivativeStencil, RuleEntry, TraceEstimate
from photonzero.training.stencils.central import axis_rows, with_requested
from photonzero.training.stencils.spacing import SpacedRule


@dataclass(frozen=True)
class SampledDimensions(SpacedRule):
    """Central differences in m of the g coordinates of the Laplacian, scaled up by g / m.

    The sample is drawn without replacement: each row of gradient and Hessian is g / m times its
    central difference or 0, so all means are right, as are those of the Laplacian and the squared
    gradient (sums over the sample, times g / m). With S^2 the sample variance over the coordinates
    of what is summed (u_ii or u_i^2), the estimate has the variance ``g^2 S^2 / m (1 - m / g)``: 0
    where all coordinates are alike. Coordinates outside the Laplacian (time) are always measured.
    Noise of standard deviation s leaves ``(g / m) s sqrt(4 m^2 + 2 m) / h^2`` on the Laplacian (Hu
    et al. 2024 for the idea). Cost: ``1 + 2 (m + d - g)`` inferences.

    Attributes:
        n_dims: m; with m >= g this is the central stencil.
        spacing: distance of neighbouring nodes, in units of the input, or "auto".
    """

    n_dims: int = 4
    spacing: float | str = 0.05

    def __post_init__(self) -> None:
        checked_count(self.n_dims, "n_dims", most=MOST_DRAWN)
        super().__post_init__()

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return "sampled-dims"

    @property
    def random(self) -> bool:
        """True: each stencil is a new draw."""
        return True

    def _length(self) -> tuple[float | str, str]:
        return self.spacing, "spacing"

    def _truncation(self, derivative: int, side: int = 0) -> tuple[int, float]:
        return 2, error_constant(derivative, 2, side)

    def _row_scale(self, n_dims: int) -> float:
        return n_dims / min(self.n_dims, n_dims)

    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        dims = tuple(range(dim)) if request.laplacian is None else request.laplacian
        sample = np.sort(rng.permutation(len(dims))[: self.n_dims])
        chosen = [dims[i] for i in sample]
        axes = tuple(sorted({*chosen, *(i for i in range(dim) if i not in dims)}))
        offsets, gradient, hessian, places = axis_rows(dim, axes, 2, spacing, request.sides)
        stencil = with_requested(offsets, gradient, hessian, places, request, 2, spacing)
        share = len(dims) / len(chosen)
        scale = np.ones((dim, 1))
        scale[list(dims)] = share
        plain = np.asarray(stencil.gradient)
        scaled_hessian = scale * np.asarray(stencil.hessian_diagonal)
        estimate = TraceEstimate(
            dims,
            scaled_hessian[chosen].sum(axis=0),
            plain[chosen],
            np.full(len(chosen), share),
        )
        return replace(stencil, gradient=scale * plain, hessian_diagonal=scaled_hessian, trace=estimate)


RULE = RuleEntry(
    "Central differences in a random sample of m coordinates, time always: 2 m + 3 inferences with time.",
    SampledDimensions,
)

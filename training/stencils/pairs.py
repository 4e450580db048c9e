"""Two independent estimates of one residual, whose product has the mean of its square.

The square of an unbiased estimate r of a residual is too large by its variance, ``E r^2 = R^2 + var
r``: training on it also rewards small variance. Two independent estimates have ``E r1 r2 = R^2``,
whatever their variance, and so has their gradient. The centre is measured twice on purpose: a
shared value would carry the same detector noise into both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array
from photonzero.training.stencils.base import DerivativeRequest, DerivativeRule, DerivativeStencil


@dataclass(frozen=True)
class StencilPair:
    """Two stencils that are measured together.

    Attributes:
        first: of K1 nodes.
        second: of K2 nodes.
    """

    first: DerivativeStencil
    second: DerivativeStencil

    @property
    def offsets(self) -> Array:
        """All nodes, (K1 + K2, d), those of the first stencil first."""
        return np.vstack([self.first.offsets, self.second.offsets])

    @property
    def n_nodes(self) -> int:
        """Inferences per collocation point, K1 + K2."""
        return self.first.n_nodes + self.second.n_nodes

    def split(self, values: Array) -> tuple[Array, Array]:
        """Measured values (..., K1 + K2) as those of the first and of the second stencil."""
        values = np.asarray(values)
        if values.ndim == 0 or values.shape[-1] != self.n_nodes:
            raise ArgumentError(f"values: shape {values.shape}; allowed: (..., {self.n_nodes})")
        return values[..., : self.first.n_nodes], values[..., self.first.n_nodes :]


def independent_pair(
    rule: DerivativeRule,
    dim: int,
    rng: np.random.Generator,
    request: DerivativeRequest | None = None,
) -> StencilPair:
    """Two draws of a rule; of a deterministic one twice the same nodes, with noise of their own."""
    return StencilPair(rule.stencil(dim, rng, request), rule.stencil(dim, rng, request))


def unbiased_square(first: Array, second: Array) -> Array:
    """The product of two independent estimates, elementwise: its mean is the square of theirs.

    It may be negative, and it must not be clipped: the mean is what is right.
    """
    if np.shape(first) != np.shape(second):
        raise ArgumentError(
            f"residuals: shapes {np.shape(first)} and {np.shape(second)}; allowed: two of one shape"
        )
    return np.asarray(first) * np.asarray(second)

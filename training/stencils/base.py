"""What a derivative stencil is: offsets, and linear maps from measured values to derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from training.errors import ArgumentError
from training.oracle import Array


@dataclass(frozen=True)
class DerivativeStencil:
    """Offsets of K points around a centre and the weights that turn values into derivatives.

    With ``u[k] = u(x + offsets[k])``: ``u(x) ~ value @ u``, ``du/dx_i ~ gradient[i] @ u``,
    ``d2u/dx_i2 ~ hessian_diagonal[i] @ u``.

    Attributes:
        offsets: (K, d).
        value: (K,).
        gradient: (d, K).
        hessian_diagonal: (d, K).
    """

    offsets: Array
    value: Array
    gradient: Array
    hessian_diagonal: Array

    def __post_init__(self) -> None:
        n_nodes, dim = self.offsets.shape
        expected = {
            "value": (n_nodes,),
            "gradient": (dim, n_nodes),
            "hessian_diagonal": (dim, n_nodes),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ArgumentError(
                    f"derivative stencil {name}: shape {getattr(self, name).shape}; allowed: {shape}"
                )

    @property
    def n_nodes(self) -> int:
        """Inferences per collocation point, K."""
        return self.offsets.shape[0]


@runtime_checkable
class DerivativeRule(Protocol):
    """Makes stencils. A random rule draws a new one each time, a deterministic one ignores `rng`."""

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        ...

    def stencil(self, dim: int, rng: np.random.Generator) -> DerivativeStencil:
        """A stencil in `dim` dimensions."""
        ...

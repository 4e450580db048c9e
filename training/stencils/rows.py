"""A (d, K) linear map kept as sparse rows plus one row that all of them share.

In d = 100 a level-3 grid has 20,201 nodes, and a Stein second derivative weighs every one of them:
dense, 16 MB of which 2 % is information. The weight of node k in row i is
``w_k d_ki^2 / s^4 - w_k / s^2``: the first term is zero off the few nodes that move in
coordinate i, the second is the same in all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import sparse

from photonzero.training.oracle import Array


@dataclass(frozen=True)
class SparseRows:
    """``matrix + ones (d, 1) * shared (1, K)``.

    Attributes:
        matrix: weights of each row that it does not share, compressed sparse rows (d, K).
        shared: weights that are added to every row, (K,); None for none.
    """

    matrix: sparse.csr_array
    shared: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of nodes, (d, K)."""
        return cast("tuple[int, int]", self.matrix.shape)

    def apply(self, values: Array) -> Array:
        """The map applied to values (..., K): (..., d)."""
        flat = values.reshape(-1, values.shape[-1])
        mapped = np.asarray(self.matrix @ flat.T).T
        if self.shared is not None:
            mapped = mapped + (flat @ self.shared)[:, None]
        return mapped.reshape(*values.shape[:-1], self.shape[0])

    def sum(self, rows: Sequence[int]) -> Array:
        """The sum of the rows with these numbers, (K,)."""
        indicator = np.zeros(self.shape[0])
        indicator[list(rows)] = 1.0
        total = np.asarray(self.matrix.T @ indicator)
        return total if self.shared is None else total + len(rows) * self.shared

    def toarray(self) -> Array:
        """The dense map, (d, K)."""
        dense = self.matrix.toarray()
        return dense if self.shared is None else dense + self.shared

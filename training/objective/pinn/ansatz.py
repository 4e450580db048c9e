"""The ansatz at the nodes of a block, taken apart: a constant, and what multiplies the network."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE


class AffineAnsatz:
    """``u_out = constant_out + sum over net of coefficient_(out, net) * network_net`` at nodes.

    A coefficient has a number for every node of every point: few are kept, many are computed again for each
    tile of points.

    Args:
        problem: states the ansatz.
        nodes: called with a slice of points; the places (b, K, d) of their nodes.
        n_points: number of points, B.
        n_nodes: number of nodes of a stencil, K.
        reduce: what is kept of the constant, values (b, K, m) to (b, ...).
        at_once: how many numbers may be held at a time.

    Attributes:
        constant: the constant part at each point, reduced, (B, ...).
        links: (out, net, c) where output `out` depends on the network's output `net` by coefficient c.
    """

    def __init__(
        self,
        problem: PDE,
        nodes: Callable[[slice], Array],
        n_points: int,
        n_nodes: int,
        reduce: Callable[[Array], Array],
        at_once: int,
    ) -> None:
        self._problem = problem
        self._nodes = nodes
        outputs = range(problem.n_outputs)
        pairs = [(out, net) for out in outputs for net in outputs]
        used = dict.fromkeys(pairs, False)
        equal = dict.fromkeys(combinations(pairs, 2), True)
        few = n_points * n_nodes * len(pairs) <= at_once
        constant: list[Array] = []
        tiles: list[Array] = []
        tile = max(1, at_once // (n_nodes * problem.dim))
        for start in range(0, n_points, tile):
            values, slopes = self._parts(slice(start, start + tile))
            constant.append(reduce(values))
            used = {pair: was or bool(slopes[pair].any()) for pair, was in used.items()}
            equal = {(a, b): was and np.array_equal(slopes[a], slopes[b]) for (a, b), was in equal.items()}
            if few:
                tiles.append(slopes)
        self.constant = np.concatenate(constant)
        self.links: list[tuple[int, int, int]] = []
        self._distinct: list[tuple[int, int]] = []
        for pair in (pair for pair in pairs if used[pair]):
            known = [c for c, other in enumerate(self._distinct) if equal[other, pair]]
            if not known:
                self._distinct.append(pair)
            out, net = pair
            self.links.append((out, net, known[0] if known else len(self._distinct) - 1))
        self._kept: list[Array] | None = None
        if few:
            self._kept = [np.concatenate([slopes[pair] for slopes in tiles]) for pair in self._distinct]

    @property
    def n_coefficients(self) -> int:
        """Number of distinct coefficients."""
        return len(self._distinct)

    def coefficients(self, rows: slice) -> list[Array]:
        """The distinct coefficients at the nodes of some points, each (b, K)."""
        if self._kept is not None:
            return [own[rows] for own in self._kept]
        _, slopes = self._parts(rows)
        return [slopes[pair] for pair in self._distinct]

    def _parts(self, rows: slice) -> tuple[Array, Array]:
        """Constant (b, K, m) and coefficients (m, m, b, K)."""
        nodes, m = self._nodes(rows), self._problem.n_outputs
        # A network that answers 0, then 1 in one output after the other.
        answers = np.vstack([np.zeros(m), np.eye(m)])
        network = np.broadcast_to(answers[:, None, None, :], (m + 1, *nodes.shape[:-1], m))
        values = self._problem.solution(nodes, network)
        return values[0], np.moveaxis(values[1:] - values[0], (0, -1), (1, 0))

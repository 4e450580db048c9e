"""A batch as a known function of a network's answers: what the host computes of a network it has measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from photonzero.training.objective.pinn.block import Block
from photonzero.training.oracle import Array
from photonzero.training.pde import PDE


class KnownPdeBatch:
    """See `photonzero.training.objective.KnownBatch`: the residuals of a PDE.

    Derivatives up to the second are taken exactly, as the limit of the stencil's for close nodes.

    Args:
        problem: the PDE.
        blocks: its terms at their points.
        factors: of the residuals of each block.
        weights: of the points of the PDE, (B,); None for 1.
    """

    def __init__(
        self, problem: PDE, blocks: Sequence[Block], factors: Array, weights: Array | None = None
    ) -> None:
        self._problem = problem
        self._factors = factors
        self._weights = np.ones(len(blocks[0].points)) if weights is None else weights
        own = [np.full(block.n_residuals, factor) for block, factor in zip(blocks, factors, strict=True)]
        own[0] = own[0] * np.repeat(np.sqrt(self._weights), blocks[0].term.n_equations)
        self._blocks = list(zip(blocks, own, strict=True))
        self.free_outputs = np.isin(problem.outputs, problem.free_constants)
        self.nodes: list[Array] = []
        self.forms: list[Array | None] = []
        for block in blocks:
            nodes = block.points[:, None] if block.has_jets else block.nodes()
            self.nodes.append((nodes - problem.center) / problem.scale)
            self.forms.append(block.jets[0] if block.has_jets else None)

    @cached_property
    def _maps(self) -> list[Sequence[Array]]:
        """Of every block; made when a network's answers are there, not to ask how many there would be."""
        blocks = [block for block, _ in self._blocks]
        return [block.maps_of_jets() if block.has_jets else block.maps_of_nodes() for block in blocks]

    def residuals(self, part: int, answers: Array) -> Array:
        """Those of one block."""
        block, factor = self._blocks[part]
        return factor * block.residuals_at(self._maps[part], answers)

    def linearised(self, part: int, answers: Array) -> tuple[Array, Array]:
        """Those of one block, and their derivatives."""
        block, factor = self._blocks[part]
        residuals, slopes = block.linearised(self._maps[part], answers)
        return factor * residuals, factor.reshape(*slopes.shape[:2], 1, 1) * slopes

    def picked(self, rows: Array, weights: Array, share: float) -> KnownPdeBatch:
        """Some points of the PDE, each with a weight, and a share of the points of every condition."""
        blocks = [block for block, _ in self._blocks]
        some = [rows, *(slice(max(1, round(share * len(block.points)))) for block in blocks[1:])]
        fewer = [block.at(block.points[own]) for block, own in zip(blocks, some, strict=True)]
        return KnownPdeBatch(self._problem, fewer, self._factors, weights)

    def gradient(self, answers: Sequence[Array]) -> tuple[float, list[Array]]:
        """The mean square of all residuals, and its derivatives."""
        found = [self.linearised(part, own) for part, own in enumerate(answers)]
        n_residuals = sum(len(residuals) for residuals, _ in found)
        slopes = [
            2.0 / n_residuals * np.einsum("be,bekm->bkm", residuals.reshape(slope.shape[:2]), slope)
            for residuals, slope in found
        ]
        return sum(float((residuals**2).sum()) for residuals, _ in found) / n_residuals, slopes

    def judged(self, n_points: int) -> tuple[Array, Array]:
        """At the collocation points of the PDE."""
        points = self._blocks[0][0].points
        chosen = points[:: -(-len(points) // n_points)]
        m = self._problem.n_outputs
        answers = np.vstack([np.zeros(m), np.eye(m)])
        network = np.broadcast_to(answers[:, None, :], (m + 1, len(chosen), m))
        values = self._problem.solution(chosen, network)
        squares = ((values[1:] - values[0]) ** 2).sum(axis=-1).T
        places = (chosen - self._problem.center) / self._problem.scale
        weights = self._weights[:: -(-len(points) // n_points), None]
        return places, weights * squares * (len(points) / len(chosen))

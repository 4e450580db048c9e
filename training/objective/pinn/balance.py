"""What each term of a PDE counts in the loss: its own weight, times what balances it against the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from photonzero.training.objective.pinn.block import Block
from photonzero.training.objective.pinn.options import Balance
from photonzero.training.oracle import Array
from photonzero.training.pde.terms import Term


class TermWeights:
    """Weights of the terms, which the first evaluation may balance.

    Args:
        terms: the PDE's residual, then its conditions.
        balance: what they are balanced by, see `PointOptions`.
    """

    def __init__(self, terms: Sequence[Term], balance: Balance) -> None:
        self._terms = terms
        self._by = balance
        self._balance = np.ones(len(terms))
        self._balanced = balance == "off"

    @property
    def wants_columns(self) -> bool:
        """Whether the next evaluation balances by the readout's columns, where they are known."""
        return not self._balanced and self._by == "columns"

    def by_name(self) -> dict[str, float]:
        """The weight of each term, balance included."""
        own = (term.weight for term in self._terms)
        return {t.name: float(w * b) for t, w, b in zip(self._terms, own, self._balance, strict=True)}

    def balance(
        self, blocks: Sequence[Block], parts: Sequence[Array], columns: Sequence[Array] | None
    ) -> None:
        """Balance the terms once and for all, on what was measured first.

        Args:
            blocks: the batch.
            parts: residuals (P, R_block) of each block.
            columns: derivatives of each block's residuals by the readout, where they are known.
        """
        if self._balanced:
            return
        measured = parts if columns is None or self._by == "residuals" else columns
        squares = np.array([float(np.mean(part**2)) for part in _by_term(self._terms, blocks, measured)])
        if (squares > 0).all():
            # The PDE keeps its weight: a loss stays comparable with one that is not balanced.
            self._balance = squares[0] / squares
        self._balanced = True

    def factors(self, blocks: Sequence[Block]) -> Array:
        """Factors (n_blocks,) of the residuals of each block, whose mean square then is the loss."""
        sizes = {
            term.name: sum(block.n_residuals for block in blocks if block.term.name == term.name)
            for term in self._terms
        }
        total, weights = sum(sizes.values()), self.by_name()
        return np.array([math.sqrt(weights[b.term.name] * total / sizes[b.term.name]) for b in blocks])

    def state(self) -> dict[str, Array]:
        """The balance of each term, and whether the first evaluation has set it."""
        return {"balance": self._balance.copy(), "balanced": np.array(self._balanced)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from what `state` gave."""
        self._balance = np.array(state["balance"])
        self._balanced = bool(state["balanced"])


def _by_term(terms: Sequence[Term], blocks: Sequence[Block], parts: Sequence[Array]) -> list[Array]:
    """What is known of each block, joined to one flat array per term."""
    pairs = list(zip(blocks, parts, strict=True))
    return [
        np.concatenate([part.ravel() for block, part in pairs if block.term.name == term.name])
        for term in terms
    ]

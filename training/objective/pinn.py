"""The residuals of a PDE and its conditions at collocation points, from forward measurements alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from photonzero.training.checks import at_least, one_of, positive, require
from photonzero.training.errors import ArgumentError, CheckpointError, ProblemError
from photonzero.training.objective.adaptive import adapted_points
from photonzero.training.objective.base import Evaluation
from photonzero.training.objective.block import Block, Features
from photonzero.training.objective.faces import Sides, blocks_inside
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle, readout_controls
from photonzero.training.pde.base import PDE, sample_condition
from photonzero.training.pde.terms import Term, problem_terms
from photonzero.training.stencils import DerivativeRule, DerivativeStencil

Balance = Literal["off", "residuals", "columns"]


@dataclass(frozen=True)
class PointOptions:
    """Where a PDE is measured, and what counts how much.

    Attributes:
        condition_share: points of every condition, per point of the PDE.
        balance: how weights are set on the first evaluation, on top of the problem's own: "off";
            "residuals" divides each term's by the mean square of its residuals; "columns" by that of
            their derivatives by the readout, so that all terms pull equally hard (the trace
            rule of [wang2022ntk], in the readout), for chips that show their features.
        adaptive: share of a batch drawn where the last batch's residuals were large, 0 to 1.
        n_validation: validation points.
        n_test: test points.
    """

    condition_share: float = 0.25
    balance: Balance = "off"
    adaptive: float = 0.0
    n_validation: int = 1000
    n_test: int = 10_000

    def __post_init__(self) -> None:
        positive(self, "condition_share")
        one_of(self, balance=get_args(Balance))
        require(self, "adaptive", 0 <= self.adaptive <= 1, "from 0 to 1")
        at_least(self, n_validation=1, n_test=1)


class PinnObjective:
    """Mean squared residuals of a PDE and its conditions at random points, derivatives by a stencil.

    ``loss = sum over terms of weight * mean(residual^2)``. The residual vector holds the terms one after the
    other, each times ``sqrt(weight R / R_term)``, so that the loss is its mean square.

    Batch k is a pure function of seed, k and `state()`. Memory: one tile of measured numbers at a
    time, and with a readout B x n_q x n_features numbers a candidate, n_q quantities of the PDE.

    Args:
        problem: the PDE.
        rule: how derivatives are taken; its spacing is in units of the network's input.
        batch_size: collocation points of a batch, B.
        seed: of the points; roles (batches, validation, test) have streams of their own.
        points: see `PointOptions`.

    Raises:
        ArgumentError: a batch without points, or a rule that does not give what the PDE needs.
        ProblemError: a definition that cannot be used.
    """

    def __init__(
        self,
        problem: PDE,
        rule: DerivativeRule,
        batch_size: int,
        seed: int,
        points: PointOptions | None = None,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: >= 1")
        self.problem = problem
        self._options = points or PointOptions()
        self._terms = problem_terms(problem)
        self._rule = rule
        self._batch_size = batch_size
        self._seed = seed
        self._validation = problem.sample(self._options.n_validation, np.random.default_rng([seed, 1]))
        self._test = problem.sample(self._options.n_test, np.random.default_rng([seed, 2]))
        self._balance = np.ones(len(self._terms))
        self._balanced = self._options.balance == "off"
        self._known = np.zeros((0, problem.dim))
        self._scores = np.zeros(0)
        self._number, self._factor = -1, 1
        self._blocks: list[Block] = []
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """Points times nodes of the current batch, all terms together."""
        return sum(block.n_inferences for block in self._blocks)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The PDE on the current batch, then the conditions: in a closed domain a block for each face."""
        return tuple(self._blocks)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term, balance included."""
        own = (term.weight for term in self._terms)
        return {t.name: float(w * b) for t, w, b in zip(self._terms, own, self._balance, strict=True)}

    @property
    def test_points(self) -> Array:
        """(n_test, d)."""
        return self._test

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Draw collocation points and stencils of batch `number`, `factor` times as many as usual."""
        self._number, self._factor = number, factor
        known = (self._known, self._scores)
        rng = np.random.default_rng([self._seed, 0, number])
        n_points = factor * self._batch_size
        points, free = self._drawn(0, n_points, rng)
        stencil = self._terms[0].stencil(self._rule, self.problem.scale, rng)
        if self._options.adaptive > 0 and self._scores.size:
            points = adapted_points(self.problem, points, *known, self._options.adaptive, rng)
        blocks = self._new_blocks(self._terms[0], points, free, lambda _: stencil)
        for k, term in enumerate(self._terms[1:], start=1):
            points, fixed = self._drawn(k, n_points, rng)
            blocks += self._new_blocks(
                term,
                points,
                fixed,
                lambda sides, t=term: t.stencil(self._rule, self.problem.scale, rng, sides),
            )
        self._blocks = blocks

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Residuals (P, R), the terms one after the other, and their mean squares (P,)."""
        if with_readout and isinstance(oracle, ReadoutOracle):
            return self._evaluate_features(oracle, controls)
        parts = [block.residuals(oracle, controls) for block in self._blocks]
        self._learn(parts, None)
        residuals = self._joined(parts)
        return Evaluation((residuals**2).mean(axis=1), residuals)

    def predict(self, oracle: ForwardOracle, controls: Array, points: Array) -> Array:
        """U of one setting (n_controls,) at points (N, d), (N, m)."""
        inputs = (points - self.problem.center) / self.problem.scale
        network = oracle.measure(controls[None], inputs).astype(np.float64)
        return self.problem.solution(points, network)[0]

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the validation points; NaN for a problem without a solution."""
        return self._relative_error(oracle, controls, self._validation)

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the test points; NaN for a problem without a solution."""
        return self._relative_error(oracle, controls, self._test)

    def state(self) -> dict[str, Array]:
        """What batches and weights depend on besides seed and number."""
        return {
            "balance": self._balance.copy(),
            "balanced": np.array(self._balanced),
            "known": self._known.copy(),
            "scores": self._scores.copy(),
            "points": self._blocks[0].points.copy(),
            "number": np.array(self._number),
            "factor": np.array(self._factor),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`: its weights and its current batch.

        Raises:
            CheckpointError: something is missing.
        """
        try:
            self._balance = np.array(state["balance"])
            self._balanced = bool(state["balanced"])
            self._known = np.zeros((0, self.problem.dim))
            self._scores = np.zeros(0)
            self.load_batch(int(state["number"]), int(state["factor"]))
            # The current batch was drawn from scores that are gone; its points are kept instead.
            stencil = self._blocks[0].stencil
            self._blocks[0] = Block(self.problem, self._terms[0], np.array(state["points"]), stencil)
            self._known, self._scores = np.array(state["known"]), np.array(state["scores"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"checkpoint: objective {error} cannot be read") from error

    def _relative_error(self, oracle: ForwardOracle, controls: Array, points: Array) -> float:
        predicted = self.predict(oracle, controls, points)
        if not self.problem.has_exact:
            return math.nan
        return self.problem.relative_error(predicted, self.problem.reference(points))

    def _drawn(self, k: int, n_points: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Points of term k in a batch of n collocation points, and which coordinates are fixed."""
        condition = self._terms[k].condition
        if condition is None:
            points = self._collocation(n_points, rng)
            return points, np.zeros(points.shape, dtype=bool)
        share = condition.share or self._options.condition_share
        return sample_condition(self.problem, condition, max(1, math.ceil(share * n_points)), rng)

    def _collocation(self, n: int, rng: np.random.Generator) -> Array:
        points = np.asarray(self.problem.collocation(n, rng), dtype=np.float64)
        expected = (n, self.problem.dim)
        if points.shape != expected or not np.isfinite(points).all():
            raise ProblemError(
                f"{self.problem.name}: collocation gives shape {points.shape}; allowed: {expected}, finite"
            )
        return points

    def _new_blocks(
        self, term: Term, points: Array, fixed: Array, stencil_of: Callable[[Sides], DerivativeStencil]
    ) -> list[Block]:
        if self.problem.closed and not term.value_only:
            return blocks_inside(self.problem, term, points, fixed, stencil_of)
        return [Block(self.problem, term, points, stencil_of(()))]

    def _by_term(self, parts: list[Array]) -> list[Array]:
        """One array a block joined to one a term, flat."""
        return [
            np.concatenate(
                [part.ravel() for block, part in zip(self._blocks, parts, strict=True) if block.term is term]
            )
            for term in self._terms
        ]

    def _factors(self) -> Array:
        """What each block's residuals are multiplied with, (n_blocks,)."""
        sizes = {
            term.name: sum(block.n_residuals for block in self._blocks if block.term is term)
            for term in self._terms
        }
        total, weights = sum(sizes.values()), self.weights
        return np.array([math.sqrt(weights[b.term.name] * total / sizes[b.term.name]) for b in self._blocks])

    def _joined(self, parts: list[Array]) -> Array:
        """Residuals of the blocks, (P, R_block) each, as one weighted vector (P, R)."""
        return np.concatenate([f * part for f, part in zip(self._factors(), parts, strict=True)], axis=1)

    def _learn(self, parts: list[Array], columns: list[Array] | None) -> None:
        """Balance the terms on the first evaluation, and remember where residuals are large."""
        if not self._balanced:
            measured = parts if columns is None or self._options.balance == "residuals" else columns
            squares = np.array([float(np.mean(part**2)) for part in self._by_term(measured)])
            if (squares > 0).all():
                # The PDE keeps its weight: a loss stays comparable with one that is not balanced.
                self._balance = squares[0] / squares
            self._balanced = True
        if self._options.adaptive > 0:
            block = self._blocks[0]
            squares = parts[0].reshape(len(parts[0]), len(block.points), -1) ** 2
            self._known, self._scores = block.points, np.sqrt(squares.mean(axis=(0, 2)))

    def _evaluate_features(self, oracle: ReadoutOracle, controls: Array) -> Evaluation:
        """As `evaluate`, from one measurement of the features and the known readout."""
        readout = readout_controls(oracle)
        n_features = readout.size // self.problem.n_outputs - 1
        features = [block.features(oracle, controls, n_features) for block in self._blocks]
        readouts = controls[:, readout]
        parts = [
            np.concatenate([block.residuals_of(own[p], readouts[p : p + 1]) for p in range(len(controls))])
            for block, own in zip(self._blocks, features, strict=True)
        ]
        columns = None
        if not self._balanced and self._options.balance == "columns":
            columns = [b.columns(own[0], readouts[0]) for b, own in zip(self._blocks, features, strict=True)]
        self._learn(parts, columns)
        residuals = self._joined(parts)
        tail = _MeasuredTail(self._blocks, features, self._factors())
        return Evaluation((residuals**2).mean(axis=1), residuals, tail)


class _MeasuredTail:
    """`DigitalTail` of measured features.

    Args:
        blocks: the terms at their points.
        features: reduced, of all candidates, one array a block.
        factors: of the residuals of each block.
    """

    def __init__(self, blocks: list[Block], features: list[Features], factors: Array) -> None:
        self._parts = list(zip(blocks, features, factors, strict=True))

    def residuals(self, p: int, readouts: Array) -> Array:
        """See `DigitalTail`."""
        return np.concatenate([f * b.residuals_of(own[p], readouts) for b, own, f in self._parts], axis=1)

    def columns(self, p: int, readout: Array) -> Array:
        """See `DigitalTail`."""
        columns = np.concatenate([f * b.columns(own[p], readout) for b, own, f in self._parts])
        weights = columns[:, :, :-1].reshape(len(columns), -1)
        return np.concatenate([weights, columns[:, :, -1]], axis=1)

"""The residuals of a PDE and its conditions at collocation points, as an objective."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective.base import Evaluation
from photonzero.training.objective.pinn.adaptive import LargeResiduals
from photonzero.training.objective.pinn.balance import TermWeights
from photonzero.training.objective.pinn.batch import draw_batch
from photonzero.training.objective.pinn.block import Block, BlockReadout
from photonzero.training.objective.pinn.continuation import Continuation
from photonzero.training.objective.pinn.known import KnownPdeBatch
from photonzero.training.objective.pinn.options import PointOptions
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle, readout_controls
from photonzero.training.pde.base import PDE
from photonzero.training.pde.terms import Term, problem_terms
from photonzero.training.readout import JoinedReadout, ScaledReadout
from photonzero.training.stencils import DerivativeRule


class PinnObjective:
    """Mean squared residuals of a PDE and its conditions at random points, derivatives by a stencil.

    ``loss = sum over terms of weight * mean(residual^2)``. The residual vector holds the terms one after the
    other, each times ``sqrt(weight R / R_term)``, so that the loss is its mean square.

    Batch k is a pure function of seed, k and `state()`. Memory: one tile of measured numbers at a
    time, and with a readout B x n_q x n_features numbers a candidate, n_q quantities of the PDE, of which
    a squared gradient over more coordinates than features is half of n_features.

    Args:
        problem: the PDE.
        rule: how derivatives are taken; its spacing is in units of the network's input.
        batch_size: number of collocation points of a batch, B.
        seed: seed of the points; roles (batches, validation, test) have streams of their own.
        points: see `PointOptions`.
        continuation: of a coefficient while training goes on; errors are judged on the problem itself.

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
        continuation: Continuation | None = None,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: >= 1")
        self.problem = problem
        self._options = points or PointOptions()
        self._terms = problem_terms(problem)
        self._continuation, self._done = continuation, 0.0
        self._rule = rule
        self._batch_size = batch_size
        self._seed = seed
        self._validation = problem.sample(self._options.n_validation, np.random.default_rng([seed, 1]))
        self._test = problem.sample(self._options.n_test, np.random.default_rng([seed, 2]))
        self._weights = TermWeights(self._terms, self._options.balance)
        self._large = LargeResiduals(problem, self._options.adaptive)
        self._number, self._factor = -1, 1
        self._blocks: list[Block] = []
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """Number of points times nodes of the current batch, all terms together."""
        return sum(block.n_inferences for block in self._blocks)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The PDE on the current batch, then the conditions: in a closed domain a block for each face."""
        return tuple(self._blocks)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term, balance included."""
        return self._weights.by_name()

    @property
    def validation_points(self) -> Array:
        """The points of the validation error, (n_validation, d)."""
        return self._validation

    @property
    def test_points(self) -> Array:
        """The points that the test error is about, (n_test, d)."""
        return self._test

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Draw collocation points and stencils of batch `number`, `factor` times as many as usual."""
        self._number, self._factor = number, factor
        problem, terms = self._of_the_moment()
        self._blocks = draw_batch(
            problem,
            terms,
            self._rule,
            factor * self._batch_size,
            self._options,
            np.random.default_rng([self._seed, 0, number]),
            self._large.adapted,
        )

    def advance(self, done: float) -> None:
        """From the next batch on, a share `done` of the training is over; it never goes back."""
        self._done = max(self._done, done)

    def _of_the_moment(self) -> tuple[PDE, tuple[Term, ...]]:
        """The problem that the chip is trained for, and its terms."""
        if self._continuation is None:
            return self.problem, self._terms
        problem = self._continuation.at(self.problem, self._done)
        return problem, self._terms if problem is self.problem else problem_terms(problem)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Residuals (P, R), the terms one after the other, and their mean squares (P,)."""
        if with_readout and isinstance(oracle, ReadoutOracle):
            return self._evaluate_features(oracle, controls)
        parts = [block.residuals(oracle, controls) for block in self._blocks]
        residuals = self._joined(parts, None)
        return Evaluation((residuals**2).mean(axis=1), residuals)

    def known_batch(self) -> KnownPdeBatch:
        """The current batch as a known function of a network's answers."""
        return KnownPdeBatch(self.problem, self._blocks, self._factors())

    def predict(self, oracle: ForwardOracle, controls: Array, points: Array) -> Array:
        """The solution u (N, m) of one setting (n_controls,) at points (N, d)."""
        inputs = (points - self.problem.center) / self.problem.scale
        network = oracle.measure(controls[None], inputs).astype(np.float64)
        return self.problem.solution(points, network)[0]

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the validation points; NaN for a problem without a solution."""
        return self._relative_error(oracle, controls, self._validation)

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the test points; NaN for a problem without a solution."""
        return self._relative_error(oracle, controls, self._test)

    def zero_error(self) -> float:
        """The test error of a network that answers zero: of the ansatz alone."""
        nothing = np.zeros((1, len(self._test), self.problem.n_outputs))
        return self._error_of(self.problem.solution(self._test, nothing)[0], self._test)

    def state(self) -> dict[str, Array]:
        """What batches and weights depend on besides seed and number."""
        return {
            **self._weights.state(),
            **self._large.state(),
            **({} if self._continuation is None else {"done": np.array(self._done)}),
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
            self._weights.restore(state)
            self._large.forget()
            if self._continuation is not None:
                self._done = float(state["done"])
            self.load_batch(int(state["number"]), int(state["factor"]))
            # The current batch was drawn from residuals that are gone; its points are kept instead.
            stencil, (problem, terms) = self._blocks[0].stencil, self._of_the_moment()
            self._blocks[0] = Block(problem, terms[0], np.array(state["points"]), stencil)
            self._large.restore(state)
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"checkpoint: objective {error} cannot be read") from error

    def _relative_error(self, oracle: ForwardOracle, controls: Array, points: Array) -> float:
        return self._error_of(self.predict(oracle, controls, points), points)

    def _error_of(self, predicted: Array, points: Array) -> float:
        if not self.problem.has_exact:
            return math.nan
        return self.problem.relative_error(predicted, self.problem.reference(points))

    def _factors(self) -> Array:
        """What each block's residuals are multiplied with, (n_blocks,)."""
        return self._weights.factors(self._blocks)

    def _joined(self, parts: list[Array], columns: list[Array] | None) -> Array:
        """Learn from residuals of the blocks, (P, R_block) each, and join them, weighted: (P, R).

        `columns` are derivatives of the blocks' residuals by the readout, where the balance wants them.
        """
        self._weights.balance(self._blocks, parts, columns)
        self._large.observe(self._blocks[0].points, parts[0])
        return np.concatenate([f * part for f, part in zip(self._factors(), parts, strict=True)], axis=1)

    def _evaluate_features(self, oracle: ReadoutOracle, controls: Array) -> Evaluation:
        """As `evaluate`, from one measurement of the features and the known readout."""
        readout = readout_controls(oracle)
        n_features = readout.size // self.problem.n_outputs - 1
        features = [block.features(oracle, controls, n_features) for block in self._blocks]
        readouts = controls[:, readout]
        parts = [
            np.concatenate([block.residuals_of(own, p, readouts[p : p + 1]) for p in range(len(controls))])
            for block, own in zip(self._blocks, features, strict=True)
        ]
        columns = None
        if self._weights.wants_columns:
            columns = [b.columns(own, 0, readouts[0]) for b, own in zip(self._blocks, features, strict=True)]
        residuals = self._joined(parts, columns)
        known = [
            ScaledReadout(BlockReadout(block, own), factor)
            for block, own, factor in zip(self._blocks, features, self._factors(), strict=True)
        ]
        return Evaluation((residuals**2).mean(axis=1), residuals, JoinedReadout(known))

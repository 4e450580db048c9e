"""What a trainer needs of a learning task, and what an optimizer is told of its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.readout.base import Readout


@dataclass(frozen=True)
class QuadraticModel:
    """A loss near some outputs: up to a constant ``mean((residual + W change)^2)``, W block diagonal.

    Attributes:
        residual: what the model is the mean square of where nothing changes, (R,).
        blocks: the blocks of W, (R / c, c, c); None for the identity.
    """

    residual: Array
    blocks: Array | None = None

    def transform(self, changes: Array) -> Array:
        """W applied to changes of the outputs, (n, R) to (n, R)."""
        if self.blocks is None:
            return changes
        n_blocks, c, _ = self.blocks.shape
        by_block = changes.reshape(-1, n_blocks, c).transpose(1, 0, 2)
        return (by_block @ self.blocks.transpose(0, 2, 1)).transpose(1, 0, 2).reshape(changes.shape)


class OutputLoss(Protocol):
    """A known function of what was measured on a batch, and its curvature.

    Attributes:
        is_quadratic: whether `quadratic` is the loss itself.
        residual_variance: variance by which a squared residual of `quadratic` has to be divided to be twice
            a negative log-likelihood; None where the loss is no likelihood.
    """

    is_quadratic: bool
    residual_variance: float | None

    def losses(self, outputs: Array) -> Array:
        """Losses (Q,) of outputs (Q, R)."""
        ...

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """The loss near outputs (R,); positive semidefinite, as the Gauss-Newton matrix is."""
        ...


class MeanSquare:
    """``mean(outputs^2)``: the outputs are residuals."""

    is_quadratic = True
    residual_variance: float | None = None

    def losses(self, outputs: Array) -> Array:
        """Mean squares (Q,) of residuals (Q, R)."""
        return (outputs**2).mean(axis=1)

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """The mean square itself near residuals (R,): a quadratic model of it is exact."""
        return QuadraticModel(outputs)


class KnownLoss(Protocol):
    """A batch whose loss is a known function of what a network answers at known places.

    Attributes:
        nodes: for every part of the batch, B points with K nodes each, (B, K, d), as they are presented.
        forms: for every part, C, (J, d, d): its points have one node each, and answers are jets,
            (B, 1 + d + J, m): values, derivatives by what is presented, and ``sum_ab C_ab d_a d_b``. None:
            answers are values at the nodes, (B, K, m).
    """

    nodes: list[Array]
    forms: list[Array | None]

    def gradient(self, answers: Sequence[Array]) -> tuple[float, list[Array]]:
        """The loss of answers (B, T, m) of every part, and its derivatives by them."""
        ...


@runtime_checkable
class KnownBatch(KnownLoss, Protocol):
    """A batch whose residuals are known too: the loss is their mean square.

    With it a host can compute them, and their derivatives, of a network that it has measured.

    Attributes:
        free_outputs: (m,) which outputs count up to a constant only.
    """

    free_outputs: Array

    def residuals(self, part: int, answers: Array) -> Array:
        """Weighted residuals (B E,) of one part from answers (B, T, m), E equations a point."""
        ...

    def linearised(self, part: int, answers: Array) -> tuple[Array, Array]:
        """The same, and their derivatives (B, E, T, m) by the answers."""
        ...

    def picked(self, rows: Array, weights: Array, share: float) -> KnownBatch:
        """A smaller batch: some points (n,) of the first part, each with a weight, a share of the others'."""
        ...

    def judged(self, n_points: int) -> tuple[Array, Array]:
        """Where an error of the solution is felt, and how much one of the network's outputs counts.

        Args:
            n_points: at most so many of the batch's points.

        Returns:
            Places (N, d) as they are presented, and the squared coefficients (N, m) of the outputs in the
            solution, so scaled that their sum is that over the whole batch.
        """
        ...


@runtime_checkable
class KnownTask(Protocol):
    """An objective whose batches are known functions of a network's answers."""

    def known_batch(self) -> KnownLoss:
        """The current batch."""
        ...


@runtime_checkable
class HasZeroError(Protocol):
    """An objective that has an error even where the network does nothing, such as a PDE with its ansatz."""

    def zero_error(self) -> float:
        """The test error of a network that answers zero; NaN for a task without a solution."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What was measured of P candidates.

    Attributes:
        losses: the loss of each candidate, `loss` of its residuals, (P,).
        residuals: R residuals of each candidate, (P, R); for a loss other than the mean square the outputs
            that it is a function of.
        readout: the known digital readout, for a chip that shows its features; None otherwise.
        loss: the loss on this batch.
        readings: of layers, (P, B, m) each, in the order they were asked for.
        passed: of every layer as the batch passed the P candidates, (P, N, m) each, its parts and their nodes
            one after the other; empty where none was asked for.
        known: the batch as a known function, where layers were asked for.
    """

    losses: Array
    residuals: Array
    readout: Readout | None = None
    loss: OutputLoss = field(default_factory=MeanSquare)
    readings: Sequence[Array] = ()
    passed: Sequence[Array] = ()
    known: KnownLoss | None = None


class Objective(Protocol):
    """What a trainer needs of a learning task.

    Batch number k is a pure function of seed, k, its factor and, for an objective that learns where to
    look, of its state: it is then also `Stateful`. One that measures before it knows its batch is also
    `ChoosesBatch` (both in `photonzero.training.powers`).
    """

    @property
    def inferences_per_candidate(self) -> int:
        """Optical inferences that one evaluation of one candidate costs on the current batch."""
        ...

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Make batch `number`, of `factor` times the usual size, the one that `evaluate` uses."""
        ...

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Measure P candidates (P, n_controls) on the current batch.

        `with_readout` asks for `Evaluation.readout` where the oracle shows its features.
        """
        ...

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Error of one setting (n_controls,) on points used for stopping, never for training."""
        ...

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Error of one setting (n_controls,) on points used for nothing else."""
        ...

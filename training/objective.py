"""What is minimised: the residuals of a PDE at collocation points, from forward measurements alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from training.errors import ArgumentError
from training.oracle import Array, ForwardOracle, ReadoutOracle, Stencil
from training.problems.base import Derivatives, Problem
from training.stencils import DerivativeRule, DerivativeStencil


class DigitalTail(Protocol):
    """What stands behind the last detectors: known exactly, so that asking it costs no inference.

    It belongs to one evaluation and speaks of its P candidates.
    """

    def columns(self, p: int, readout: Array) -> Array:
        """Derivative (R, n_readout) of candidate p's residuals by the readout, at a readout (n_readout,).

        Readout controls are weights, row after row, then biases.
        """
        ...

    def residuals(self, p: int, readouts: Array) -> Array:
        """Residuals (Q, R) that candidate p's optics would give with other readouts (Q, n_readout)."""
        ...


@dataclass(frozen=True)
class QuadraticModel:
    """A loss near some outputs: up to a constant ``mean((residual + W change)^2)``, W block diagonal.

    Attributes:
        residual: (R,).
        blocks: (R / c, c, c), the blocks of W; None for the identity.
    """

    residual: Array
    blocks: Array | None = None

    def transform(self, changes: Array) -> Array:
        """W applied to changes of the outputs, (n, R) to (n, R)."""
        if self.blocks is None:
            return changes
        n_blocks, c, _ = self.blocks.shape
        return np.einsum("bij,nbj->nbi", self.blocks, changes.reshape(-1, n_blocks, c)).reshape(changes.shape)


class OutputLoss(Protocol):
    """A known function of what was measured on a batch, and its curvature."""

    def losses(self, outputs: Array) -> Array:
        """Losses (Q,) of outputs (Q, R)."""
        ...

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """The loss near outputs (R,); positive semidefinite, as the Gauss-Newton matrix is."""
        ...


class MeanSquare:
    """``mean(outputs^2)``: the outputs are residuals."""

    def losses(self, outputs: Array) -> Array:
        """Mean squares (Q,)."""
        return (outputs**2).mean(axis=1)

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """Exact."""
        return QuadraticModel(outputs)


@dataclass(frozen=True)
class Evaluation:
    """What was measured of P candidates.

    Attributes:
        losses: (P,), `loss` of the residuals.
        residuals: (P, R); for a loss other than the mean square the outputs that it is a function of.
        tail: the known digital end, for a chip that shows its features; None otherwise.
        loss: the loss on this batch.
    """

    losses: Array
    residuals: Array
    tail: DigitalTail | None = None
    loss: OutputLoss = field(default_factory=MeanSquare)


class Objective(Protocol):
    """What a trainer needs of a learning task. Batch number k is a pure function of seed and k."""

    @property
    def inferences_per_candidate(self) -> int:
        """Optical inferences that one evaluation of one candidate costs."""
        ...

    def load_batch(self, number: int) -> None:
        """Make batch `number` the one that `evaluate` uses."""
        ...

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Measure P candidates (P, n_controls) on the current batch.

        `with_readout` asks for `Evaluation.tail` where the oracle shows its features.
        """
        ...

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Error of one setting (n_controls,) on points used for stopping, never for training."""
        ...

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Error of one setting (n_controls,) on points used for nothing else."""
        ...


_VALUES_AT_ONCE = 4_000_000
"""Measured values held at a time: 32 MB in float64; larger populations are measured in slices."""


class PinnObjective:
    """Mean squared PDE residual at random collocation points, derivatives by a stencil.

    Memory: at most `_VALUES_AT_ONCE` measured values, or one candidate's B * K, at a time.

    Args:
        problem: the PDE.
        rule: how derivatives are taken.
        batch_size: collocation points of a batch, B.
        seed: of the points; roles (batches, validation, test) have streams of their own.
        n_validation: validation points.
        n_test: test points.
    """

    def __init__(
        self,
        problem: Problem,
        rule: DerivativeRule,
        batch_size: int,
        seed: int,
        *,
        n_validation: int = 1000,
        n_test: int = 10_000,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: >= 1")
        self.problem = problem
        self._rule = rule
        self._batch_size = batch_size
        self._seed = seed
        self._validation = problem.sample(n_validation, np.random.default_rng([seed, 1]))
        self._test = problem.sample(n_test, np.random.default_rng([seed, 2]))
        self._points: Array
        self._stencil: DerivativeStencil
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """B * K of the current batch."""
        return self._points.shape[0] * self._stencil.n_nodes

    @property
    def test_points(self) -> Array:
        """(n_test, d)."""
        return self._test

    def load_batch(self, number: int) -> None:
        """Draw collocation points and stencil of batch `number`."""
        rng = np.random.default_rng([self._seed, 0, number])
        self._points = self.problem.sample(self._batch_size, rng)
        self._stencil = self._rule.stencil(self.problem.dim, rng, self.problem.request)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Residuals (P, B) and their mean squares (P,) on the current batch."""
        if with_readout and isinstance(oracle, ReadoutOracle):
            return self._evaluate_features(oracle, controls)
        per_slice = max(1, _VALUES_AT_ONCE // self.inferences_per_candidate)
        parts = []
        for start in range(0, controls.shape[0], per_slice):
            network = oracle.measure(controls[start : start + per_slice], self._inputs())
            parts.append(self._residuals(network.astype(np.float64)))
        residuals = np.concatenate(parts)
        return Evaluation((residuals**2).mean(axis=1), residuals)

    def predict(self, oracle: ForwardOracle, controls: Array, points: Array) -> Array:
        """U of one setting (n_controls,) at points (N, d), (N,)."""
        network = oracle.measure(controls[None], points).astype(np.float64)
        return self.problem.solution(points, network)[0]

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the validation points."""
        return self._relative_error(oracle, controls, self._validation)

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative l2 error of u on the test points."""
        return self._relative_error(oracle, controls, self._test)

    def _relative_error(self, oracle: ForwardOracle, controls: Array, points: Array) -> float:
        exact = self.problem.exact(points)
        u = self.predict(oracle, controls, points)
        return float(np.linalg.norm(u - exact) / np.linalg.norm(exact))

    def _inputs(self) -> Stencil:
        return Stencil(self._points, self._stencil.offsets)

    def _residuals(self, network: Array) -> Array:
        """Residuals (P, B) from the network's outputs (P, B * K, n_out)."""
        shape = (self._points.shape[0], self._stencil.n_nodes)
        points = self._inputs().points().reshape(*shape, -1)
        values = self.problem.solution(points, network.reshape(network.shape[0], *shape, -1))
        return self.problem.residual(self._points, Derivatives(self._stencil, values))

    def _evaluate_features(self, oracle: ReadoutOracle, controls: Array) -> Evaluation:
        """As `evaluate`, from one measurement of the features and the known readout.

        Memory: P * B * K * n_features numbers of the oracle's type until the evaluation is dropped.
        """
        features = oracle.measure_features(controls, self._inputs())
        tail = _MeasuredTail(features, self._residuals)
        readouts = controls[:, _readout_controls(oracle)]
        residuals = np.concatenate([tail.residuals(p, own[None]) for p, own in enumerate(readouts)])
        return Evaluation((residuals**2).mean(axis=1), residuals, tail)


def _readout_controls(oracle: ReadoutOracle) -> Array:
    index = np.arange(oracle.n_controls)
    return np.concatenate([index[oracle.readout_weight], index[oracle.readout_bias]])


class _MeasuredTail:
    """`DigitalTail` of measured features.

    Args:
        features: (P, N, n_features), of N = B * K points.
        residuals_of: residuals (P, R) from outputs (P, N, n_out).
    """

    def __init__(self, features: Array, residuals_of: Callable[[Array], Array]) -> None:
        self._features = features
        self._residuals_of = residuals_of

    def _network(self, p: int, readouts: Array) -> Array:
        """Outputs (Q, N, n_out)."""
        features = self._features[p].astype(np.float64)
        n_features = features.shape[1]
        n_out = readouts.shape[1] // (n_features + 1)
        weight = readouts[:, : n_out * n_features].reshape(-1, n_features)
        outputs = (features @ weight.T).reshape(len(features), -1, n_out)
        return outputs.transpose(1, 0, 2) + readouts[:, None, n_out * n_features :]

    def residuals(self, p: int, readouts: Array) -> Array:
        """See `DigitalTail`."""
        return self._residuals_of(self._network(p, readouts))

    def columns(self, p: int, readout: Array) -> Array:
        """See `DigitalTail`. Central differences of the residual formula, which is smooth and known."""
        network = self._network(p, readout[None])[0]
        n_out, n_features = network.shape[1], self._features.shape[2]
        features = self._features[p].astype(np.float64)
        unit = np.concatenate([features, np.ones((len(features), 1))], axis=1)
        step = 1e-4
        columns: Array = np.zeros(0)
        chunk = max(1, _VALUES_AT_ONCE // network.size)
        for out in range(n_out):
            for start in range(0, n_features + 1, chunk):
                change = np.zeros((min(chunk, n_features + 1 - start), *network.shape))
                change[:, :, out] = step * unit[:, start : start + chunk].T
                difference = self._residuals_of(network + change) - self._residuals_of(network - change)
                if not columns.size:
                    columns = np.empty((difference.shape[1], n_out, n_features + 1))
                columns[:, out, start : start + chunk] = difference.T / (2.0 * step)
        weights = columns[:, :, :-1].reshape(columns.shape[0], -1)
        return np.concatenate([weights, columns[:, :, -1]], axis=1)

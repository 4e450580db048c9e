"""One task for all chips of an ensemble: residuals stacked, losses and errors averaged over chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from photonzero.training.ensemble.oracle import EnsembleOracle
from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.objective.base import Evaluation, MeanSquare, Objective, OutputLoss, QuadraticModel
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.powers import Stateful, inferences_to_choose, state_of
from photonzero.training.readout import JoinedReadout


class EnsembleObjective:
    """The task of every chip of an ensemble: residuals stacked, losses and errors averaged over chips.

    Args:
        objective: the task of one chip.
        n_chips: number of chips in the ensemble.

    Attributes:
        single: the task of one chip.
    """

    def __init__(self, objective: Objective, n_chips: int) -> None:
        if n_chips < 1:
            raise ArgumentError(f"n_chips: {n_chips}; allowed: >= 1")
        self.single = objective
        self._n_chips = n_chips

    @property
    def inferences_per_candidate(self) -> int:
        """Number of optical inferences that a candidate costs on all chips together."""
        return self._n_chips * self.single.inferences_per_candidate

    @property
    def inferences_to_choose(self) -> int:
        """Number of optical inferences of choosing a batch: one chip, the first, chooses that of all."""
        return inferences_to_choose(self.single)

    def load_batch(self, number: int, factor: int = 1) -> None:
        """The same batch for every chip."""
        self.single.load_batch(number, factor)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Residuals (P, n_chips * R), one chip after the other."""
        parts = [
            self.single.evaluate(member, controls, with_readout=with_readout) for member in _members(oracle)
        ]
        residuals = np.concatenate([part.residuals for part in parts], axis=1)
        readouts = [part.readout for part in parts if part.readout is not None]
        readout = JoinedReadout(readouts) if len(readouts) == len(parts) else None
        if all(isinstance(part.loss, MeanSquare) for part in parts):
            return Evaluation((residuals**2).mean(axis=1), residuals, readout)
        loss = _MeanLoss([part.loss for part in parts])
        return Evaluation(loss.losses(residuals), residuals, readout, loss)

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Validation error of one setting (n_controls,), the mean over chips."""
        errors = [self.single.validation_error(member, controls) for member in _members(oracle)]
        return float(np.mean(errors))

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Test error of one setting (n_controls,), the mean over chips."""
        return float(np.mean(self.test_errors(oracle, controls)))

    def test_errors(self, oracle: ForwardOracle, controls: Array) -> list[float]:
        """Test error of one setting (n_controls,) on every chip."""
        return [self.single.test_error(member, controls) for member in _members(oracle)]

    def state(self) -> Mapping[str, Array]:
        """The state of the task, empty for a task without one."""
        return state_of(self.single) or {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue the task from what `state` gave, where it has a state."""
        if isinstance(self.single, Stateful):
            self.single.restore(state)


class _MeanLoss:
    """`OutputLoss` of all chips' outputs side by side: the mean of theirs."""

    def __init__(self, losses: Sequence[OutputLoss]) -> None:
        self._losses = losses
        self.is_quadratic = all(loss.is_quadratic for loss in losses)
        self.residual_variance = losses[0].residual_variance

    def losses(self, outputs: Array) -> Array:
        """Losses (Q,) of all chips' outputs side by side (Q, n_chips * R), the mean over chips."""
        parts = np.split(outputs, len(self._losses), axis=1)
        return np.mean([loss.losses(part) for loss, part in zip(self._losses, parts, strict=True)], axis=0)

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """The loss near outputs (n_chips * R,): a mean over all is the mean of those over each chip's."""
        parts = np.split(outputs, len(self._losses))
        models = [loss.quadratic(part) for loss, part in zip(self._losses, parts, strict=True)]
        blocks = [model.blocks for model in models if model.blocks is not None]
        if 0 < len(blocks) < len(models):
            raise ArgumentError("ensemble: losses with and without blocks; allowed: one kind of loss")
        residual = np.concatenate([model.residual for model in models])
        return QuadraticModel(residual, np.concatenate(blocks) if blocks else None)


def _members(oracle: ForwardOracle) -> Sequence[ForwardOracle]:
    if not isinstance(oracle, EnsembleOracle):
        raise MeasurementError("ensemble: a single oracle; allowed: an EnsembleOracle")
    return oracle.members

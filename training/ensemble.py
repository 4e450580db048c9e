"""Several chips at once: controls that work on all of them also work on chips that were never measured.

A setting is programmed on every chip of an ensemble and the residuals of all are stacked, so that any
optimizer, Gauss-Newton and its exact readout included, minimises the mean loss over chips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.meter import MeteredOracle, metered
from photonzero.training.objective.base import (
    Evaluation,
    MeanSquare,
    Objective,
    OutputLoss,
    QuadraticModel,
)
from photonzero.training.oracle import (
    Array,
    ControlGroupView,
    ForwardOracle,
    Inputs,
    ReadoutOracle,
)
from photonzero.training.powers import Stateful, inferences_to_choose, state_of
from photonzero.training.readout import JoinedReadout


class EnsembleOracle:
    """Chips that are programmed alike and presented the same inputs.

    Args:
        members: chips with equal controls.

    Attributes:
        members: the chips.

    Raises:
        ArgumentError: no chip, or chips with different controls.
    """

    def __init__(self, members: Sequence[ForwardOracle]) -> None:
        if not members:
            raise ArgumentError("ensemble: no chips; allowed: at least one")
        layouts = {_layout(member) for member in members}
        if len(layouts) > 1:
            raise ArgumentError(f"ensemble: chips with {len(layouts)} sets of controls; allowed: one")
        self.members = tuple(members)

    @property
    def n_controls(self) -> int:
        """Length of a control vector, the same for every chip."""
        return self.members[0].n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroupView]:
        """Named groups of controls, the same for every chip."""
        return self.members[0].control_groups

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """The outputs of all chips side by side, (P, B, n_chips * n_out)."""
        return np.concatenate([member.measure(controls, inputs) for member in self.members], axis=2)

    def state(self) -> dict[str, Any]:
        """States of the chips that have one."""
        return {"members": [state_of(member) for member in self.members]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        for member, own in zip(self.members, state["members"], strict=True):
            if own is not None and isinstance(member, Stateful):
                member.restore(own)


class EnsembleReadoutOracle(EnsembleOracle):
    """An `EnsembleOracle` of chips that show what their last detectors read.

    Args:
        members: such chips.
    """

    def __init__(self, members: Sequence[ReadoutOracle]) -> None:
        super().__init__(members)
        self._first = members[0]

    @property
    def readout_weight(self) -> slice:
        """Place of the readout weights in the control vector."""
        return self._first.readout_weight

    @property
    def readout_bias(self) -> slice:
        """Place of the readout biases in the control vector."""
        return self._first.readout_bias

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """The features of all chips side by side, (P, B, n_chips * n_features)."""
        parts = [m.measure_features(controls, inputs) for m in self.members if isinstance(m, ReadoutOracle)]
        return np.concatenate(parts, axis=2)


class MeteredEnsemble(EnsembleOracle):
    """An ensemble behind meters, one a chip: every chip's inferences count.

    Args:
        ensemble: the chips.
        timeout_s: as of `MeteredOracle`, for each chip.
    """

    def __init__(self, ensemble: EnsembleOracle, timeout_s: float | None = None) -> None:
        self._meters = [metered(member, timeout_s) for member in ensemble.members]
        super().__init__(self._meters)

    @property
    def inferences(self) -> int:
        """Optical inferences of all chips together."""
        return sum(meter.inferences for meter in self._meters)

    @property
    def settings(self) -> int:
        """Times a chip was programmed."""
        return sum(meter.settings for meter in self._meters)

    def count_from(self, inferences: int, settings: int) -> None:
        """Continue from totals that were counted before; chips share them alike."""
        for k, meter in enumerate(self._meters):
            meter.count_from(
                inferences // len(self._meters) + (k < inferences % len(self._meters)),
                settings // len(self._meters) + (k < settings % len(self._meters)),
            )


def ensemble(members: Sequence[ForwardOracle]) -> EnsembleOracle:
    """An ensemble, with a view of the features where all chips have one."""
    showing = [member for member in members if isinstance(member, ReadoutOracle)]
    return EnsembleReadoutOracle(showing) if len(showing) == len(members) else EnsembleOracle(members)


def metered_chips(oracle: ForwardOracle, timeout_s: float | None = None) -> MeteredOracle | MeteredEnsemble:
    """A meter around an oracle, one for each chip of an ensemble."""
    if isinstance(oracle, EnsembleOracle):
        return MeteredEnsemble(oracle, timeout_s)
    return metered(oracle, timeout_s)


class EnsembleObjective:
    """The task of every chip of an ensemble: residuals stacked, losses and errors averaged over chips.

    Args:
        objective: the task of one chip.
    """

    def __init__(self, objective: Objective, n_chips: int) -> None:
        if n_chips < 1:
            raise ArgumentError(f"n_chips: {n_chips}; allowed: >= 1")
        self.single = objective
        self._n_chips = n_chips

    @property
    def inferences_per_candidate(self) -> int:
        """Of all chips together."""
        return self._n_chips * self.single.inferences_per_candidate

    @property
    def inferences_to_choose(self) -> int:
        """Of the task: one chip, the first, chooses the batch of all."""
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
        """Mean over chips."""
        errors = [self.single.validation_error(member, controls) for member in _members(oracle)]
        return float(np.mean(errors))

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Mean over chips."""
        return float(np.mean(self.test_errors(oracle, controls)))

    def test_errors(self, oracle: ForwardOracle, controls: Array) -> list[float]:
        """Test error of every chip."""
        return [self.single.test_error(member, controls) for member in _members(oracle)]

    def state(self) -> Mapping[str, Array]:
        """That of the task, nothing for a task without one."""
        return state_of(self.single) or {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        if isinstance(self.single, Stateful):
            self.single.restore(state)


class _MeanLoss:
    """`OutputLoss` of all chips' outputs side by side: the mean of theirs."""

    def __init__(self, losses: Sequence[OutputLoss]) -> None:
        self._losses = losses
        self.is_quadratic = all(loss.is_quadratic for loss in losses)
        self.residual_variance = losses[0].residual_variance

    def losses(self, outputs: Array) -> Array:
        """See `OutputLoss`."""
        parts = np.split(outputs, len(self._losses), axis=1)
        return np.mean([loss.losses(part) for loss, part in zip(self._losses, parts, strict=True)], axis=0)

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """See `OutputLoss`: a mean over all outputs is the mean of those over each chip's."""
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


def _layout(member: ForwardOracle) -> tuple[Any, ...]:
    groups = ((name, g.kind, g.slice.start, g.slice.stop) for name, g in member.control_groups.items())
    return (member.n_controls, *groups)

"""Several chips as one: programmed alike and presented the same inputs, their answers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.meter import MeteredOracle, metered
from photonzero.training.oracle import Array, ControlGroupView, ForwardOracle, Inputs, ReadoutOracle
from photonzero.training.powers import Stateful, state_of


class EnsembleOracle:
    """Chips that are programmed alike and presented the same inputs.

    Args:
        members: at least one chip; all have equal controls.

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
        """The states of the chips, None for a chip without one."""
        return {"members": [state_of(member) for member in self.members]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue the noise of all chips from what `state` gave."""
        for member, own in zip(self.members, state["members"], strict=True):
            if own is not None and isinstance(member, Stateful):
                member.restore(own)


class EnsembleReadoutOracle(EnsembleOracle):
    """An `EnsembleOracle` of chips that show what their last detectors read.

    Args:
        members: chips that are `ReadoutOracle`, with equal controls.
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
    """An ensemble behind meters, one for each chip: the inferences of every chip count.

    Args:
        ensemble: the chips to be metered.
        timeout_s: how long an answer of a chip may take, None for as long as it likes [s].
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
        """Number of times that a chip was programmed, over all chips."""
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


def _layout(member: ForwardOracle) -> tuple[Any, ...]:
    groups = ((name, g.kind, g.slice.start, g.slice.stop) for name, g in member.control_groups.items())
    return (member.n_controls, *groups)

"""Training of some of the groups of controls, with the others where they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Method, Optimizer, Start
from photonzero.training.oracle import Array, ControlGroup, ControlGroupView


def frozen_groups(groups: Mapping[str, ControlGroupView], patterns: Sequence[str]) -> tuple[str, ...]:
    """Names of the groups that any of the patterns fits, such as "layer1/bias" or "*/bias".

    Raises:
        ArgumentError: a pattern that fits none, or nothing is left to train.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in groups):
            raise ArgumentError(f"frozen: {pattern!r} is no group; allowed: {', '.join(groups)}")
    found = tuple(name for name in groups if any(fnmatchcase(name, pattern) for pattern in patterns))
    if len(found) == len(groups):
        raise ArgumentError("frozen: all groups; allowed: at least one is trained")
    return found


def partly_trained(
    start: Start, patterns: Sequence[str], method: Method, make: Callable[[Start], Optimizer]
) -> Optimizer:
    """An optimizer of the groups that no pattern fits.

    Args:
        start: of all controls.
        patterns: of the groups that stay where they start, see `frozen_groups`.
        method: of the optimizer.
        make: the optimizer from a start.

    Raises:
        ArgumentError: see `frozen_groups`.
    """
    if not patterns:
        return make(start)
    if not method.keeps_still:
        return PartialOptimizer(start, patterns, make)
    still = np.zeros(start.controls.size, dtype=bool)
    for name in frozen_groups(start.groups, patterns):
        still[start.groups[name].slice] = True
    return make(replace(start, still=still))


class PartialOptimizer:
    """An optimizer of some controls, which to it are all there are.

    Args:
        start: of all controls.
        patterns: of the groups that stay where they start, see `frozen_groups`.
        make: the optimizer from the start of the others.

    Raises:
        ArgumentError: see `frozen_groups`.
    """

    def __init__(self, start: Start, patterns: Sequence[str], make: Callable[[Start], Optimizer]) -> None:
        still = frozen_groups(start.groups, patterns)
        trained = np.ones(start.controls.size, dtype=bool)
        for name in still:
            trained[start.groups[name].slice] = False
        self._start = np.array(start.controls, dtype=np.float64)
        self._trained = np.flatnonzero(trained)
        # The new place of every control that is trained.
        place = np.cumsum(trained) - 1
        groups: dict[str, ControlGroupView] = {}
        for name, group in start.groups.items():
            if name not in still and group.slice.stop > group.slice.start:
                first = int(place[group.slice.start])
                size = group.slice.stop - group.slice.start
                groups[name] = ControlGroup(first, first + size, group.kind, group.grid_step, group.scale)
        readout = start.readout
        if readout is not None:
            # Columns are of the whole readout: a part of it is probed like everything else.
            readout = place[readout] if trained[readout].all() else None
        self._inner = make(Start(self._start[self._trained], groups, readout))
        self.needs: Literal["loss", "residuals"] = self._inner.needs

    @property
    def n_steps(self) -> int:
        """Steps completed."""
        return self._inner.n_steps

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,), frozen ones included."""
        return self._expanded(self._inner.controls)

    @property
    def loss(self) -> float:
        """See `Optimizer`."""
        return self._inner.loss

    def ask(self) -> Candidates:
        """The candidates of the optimizer inside, frozen controls added."""
        candidates = self._inner.ask()
        return replace(candidates, controls=self._expanded(candidates.controls))

    def tell(self, evaluation: Evaluation) -> None:
        """What was measured of them."""
        self._inner.tell(evaluation)

    def stop(self) -> dict[str, str]:
        """Its reasons to stop."""
        return self._inner.stop()

    def state(self) -> dict[str, Array]:
        """Its state; frozen controls are where they start."""
        return self._inner.state()

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._inner.restore(state)

    def _expanded(self, controls: Array) -> Array:
        """All controls (..., n_controls) from those that are trained."""
        full = np.broadcast_to(self._start, (*controls.shape[:-1], self._start.size)).copy()
        full[..., self._trained] = controls
        return full

"""Optional powers: what an oracle, an objective or an optimizer may also be able to do.

None of them is required: a laboratory's chip has no state that could be saved, and most tasks know their
batch before they measure. Whoever needs a power asks `isinstance(thing, Stateful)`, so that a user's class
has it by having the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from photonzero.training.oracle import Array


@runtime_checkable
class Stateful(Protocol):
    """A thing that continues exactly after an interruption: its noise, its weights, what it has learnt."""

    def state(self) -> Mapping[str, Any]:
        """Everything that is not known from its arguments.

        Numbers, texts and lists for an oracle, whose state is saved as JSON; arrays for an objective or an
        optimizer, which are saved one by one.
        """
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave.

        Raises:
            CheckpointError: something is missing or belongs to another thing.
        """
        ...


@runtime_checkable
class ChoosesBatch(Protocol):
    """An objective that measures before it knows its batch, so that choosing costs inferences as well."""

    @property
    def inferences_to_choose(self) -> int:
        """Number of optical inferences that choosing the current batch costs, 0 once it is chosen."""
        ...


@runtime_checkable
class Advances(Protocol):
    """An objective that changes while training goes on."""

    def advance(self, done: float) -> None:
        """From the next batch on, a share `done` of the training is over, 0 to 1; it never goes back."""
        ...


@runtime_checkable
class InWindows(Protocol):
    """An objective of one window after the other, each behind the networks of those before."""

    def enter(self, before: Sequence[Callable[[Array], Array]]) -> None:
        """Go on with the window that follows after some networks, (N, d) presented to (N, m)."""
        ...


@runtime_checkable
class EndsWindows(Protocol):
    """An optimizer of one window after the other."""

    @property
    def ended(self) -> Sequence[Callable[[Array], Array]]:
        """Networks of the windows that are over."""
        ...


@runtime_checkable
class Planned(Protocol):
    """An optimizer that knows when it will end."""

    @property
    def done(self) -> float:
        """Share of its steps that are over, 0 to 1."""
        ...


def state_of(thing: object) -> Mapping[str, Any] | None:
    """The state of a thing that has one, None for any other."""
    return thing.state() if isinstance(thing, Stateful) else None


def inferences_to_choose(objective: object) -> int:
    """Number of optical inferences that an objective's choice of its batch costs, 0 where it makes none."""
    return objective.inferences_to_choose if isinstance(objective, ChoosesBatch) else 0

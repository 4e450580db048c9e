"""What is called after every step of a training: what it sees, what it may answer, and when it is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from photonzero.training.oracle import Array


@dataclass(frozen=True)
class Progress:
    """What a callback sees after a step.

    Attributes:
        step: steps completed.
        inferences: optical inferences of training so far.
        loss: loss of the step, as the optimizer states it.
        validation_error: error on the validation points after the step; NaN if it was not measured.
        wall_s: time spent in this run, earlier parts included [s].
        round_inferences: inferences of the last round of ask and tell; a display can tell what is next.
        controls: (n_controls,) the setting after the step; it cannot be written to.
    """

    step: int
    inferences: int
    loss: float
    validation_error: float
    wall_s: float
    round_inferences: int
    controls: Array


class Callback(Protocol):
    """Called after every step: a function, or an object that keeps something from step to step."""

    def __call__(self, progress: Progress, /) -> Mapping[str, str] | None:
        """Look at a step. It may raise to interrupt.

        Returns:
            Reasons to stop, by name; None or nothing in it to go on.
        """
        ...


@runtime_checkable
class Closes(Protocol):
    """A callback that holds something open while a training runs."""

    def close(self) -> None:
        """A training has ended, whatever ended it. A later one may call again after that."""
        ...

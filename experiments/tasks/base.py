"""What a chip is trained for: the protocol of a kind of task.

A kind of task is a class in a file of its own, and a line in `registry`. Nothing outside of these files asks
which kind it has before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from photonzero.training.errors import TrainingError
from photonzero.training.objective import Objective
from photonzero.training.oracle import Array, ForwardOracle


def described(text: Callable[[], str | None]) -> str:
    """The first line of a text, or what went wrong: a plugin that fails must not end a list of all."""
    try:
        lines = (text() or "").splitlines()
    except TrainingError as error:
        return str(error)
    return lines[0].replace("``", "") if lines else ""


@dataclass(frozen=True)
class TaskOptions:
    """Keys that a kind of task adds to a run's configuration; a subclass has them as fields."""

    @property
    def rule(self) -> str:
        """Name of the stencil rule that takes derivatives; "none" where none are taken."""
        return "none"


class Task(Protocol):
    """A PDE, a dataset, or another thing to be learnt.

    Attributes:
        options: its own keys of a run's configuration, a frozen dataclass with defaults.
        error_name: of its test error in result.json.
        error_label: what its error is, for axes of figures.
        loss_label: what its loss is.
    """

    options: type[TaskOptions]
    error_name: str
    error_label: str
    loss_label: str

    @classmethod
    def find(cls, problem: Any) -> Task | None:
        """The task of a name or of an object from Python; None if it is of another kind.

        Raises:
            TrainingError: it is of this kind, but cannot be used.
        """
        ...

    @classmethod
    def known(cls) -> Mapping[str, str]:
        """Names of all tasks of this kind, each with one line on what it is."""
        ...

    @property
    def name(self) -> str:
        """As a configuration holds it; a user's file with its absolute path."""
        ...

    @property
    def label(self) -> str:
        """A short name, for folders."""
        ...

    @property
    def has_error(self) -> bool:
        """Whether a solution is known that errors can be measured against."""
        ...

    @property
    def sizes(self) -> tuple[int, int] | None:
        """Numbers of inputs and outputs, where they are known before the objective is made."""
        ...

    def preset(self) -> dict[str, Any]:
        """What a run of it starts from, see `photonzero.experiments.presets`."""
        ...

    def defaults(self, preset: Mapping[str, Any], derivatives: str | None) -> dict[str, Any]:
        """Its own keys of a run's table.

        Args:
            preset: from `preset`.
            derivatives: stencil rule that was asked for; None takes the preset's.

        Raises:
            UsageError: a rule for a task that takes no derivatives.
        """
        ...

    def objective(self, options: Any, batch_size: int, seed: int, rounding: float = 0.0) -> Objective:
        """What is minimised.

        Args:
            options: of the type `options`.
            batch_size: points or samples of a batch.
            seed: of the batches.
            rounding: relative, of the chip's answers.

        Raises:
            UsageError: files that are missing or cannot be used.
            TrainingError: options that do not fit the task.
        """
        ...

    def sizes_of(self, objective: Any) -> tuple[int, int]:
        """Numbers of inputs and outputs that a chip must have."""
        ...

    def draw_inputs(self, objective: Any) -> Callable[[int, np.random.Generator], Array]:
        """Random inputs as the chip meets them, (n, n_in), from a count and a generator."""
        ...

    def stated(self, error: float) -> float | None:
        """An error of the objective as result.json has it; None if there is none."""
        ...

    def answer(self, objective: Any, oracle: ForwardOracle, controls: Array, inputs: Array) -> Array:
        """What a setting says of inputs (N, d): a solution (N, m), classes (N,), or the like."""
        ...

    def columns(self, objective: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the numbers of an input and of an answer, as tables have them."""
        ...

    def exact(self, inputs: Array) -> Array | None:
        """The exact answers to inputs (N, d), (N, m); None where none are known."""
        ...

    def panel(self, objective: Any, oracle: ForwardOracle, controls: Array) -> Callable[[Any], None]:
        """Measures what was learned on the test points; what is given back draws it on axes."""
        ...

    def draw(self, folder: Path, title: str, objective: Any, oracle: ForwardOracle, controls: Array) -> None:
        """Its own figures of a run, besides learning.png and controls.png.

        Args:
            folder: of the figures.
            title: what was run.
            objective: what was minimised.
            oracle: the chip behind the meter of validation, test and figures.
            controls: (n_controls,) at the end.
        """
        ...

    def data_files(self, options: Any) -> Mapping[str, Path]:
        """Files of data that it is made of, by a name that does not depend on where they are.

        Raises:
            UsageError: they are missing.
        """
        ...

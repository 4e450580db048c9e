"""Labelled data as tasks: the datasets that the command knows, or one from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import GIVEN
from photonzero.experiments.presets import read_preset
from photonzero.experiments.tasks.base import TaskOptions
from photonzero.experiments.tasks.datasets import DATASETS, dataset_files, load_dataset
from photonzero.training.classification import BatchOptions, ClassificationObjective, Dataset
from photonzero.training.oracle import Array, ForwardOracle


@dataclass(frozen=True)
class DatasetOptions(TaskOptions):
    """Keys of a run that a dataset adds.

    Attributes:
        data: folder of the files of a dataset that needs them; None takes the environment's.
        batches: which samples a batch takes.
    """

    data: str | None = None
    batches: BatchOptions = field(default_factory=BatchOptions)


@dataclass(frozen=True)
class ClassificationTask:
    """Classes of labelled vectors.

    Attributes:
        name: as a configuration holds it.
        given: the data, where they come from Python.
    """

    options: ClassVar[type[TaskOptions]] = DatasetOptions
    error_name: ClassVar[str] = "test_accuracy"
    error_label: ClassVar[str] = "share of wrong answers"
    loss_label: ClassVar[str] = "cross-entropy"
    has_error: ClassVar[bool] = True

    name: str
    given: Dataset | None = None

    @classmethod
    def find(cls, problem: Any) -> ClassificationTask | None:
        """See `Task`; an object of `Dataset`."""
        if isinstance(problem, Dataset):
            return cls(f"{GIVEN}{problem.name}", problem)
        return cls(problem) if isinstance(problem, str) and problem in DATASETS else None

    @classmethod
    def known(cls) -> Mapping[str, str]:
        """See `Task`."""
        return DATASETS

    @property
    def label(self) -> str:
        """See `Task`."""
        return self.name.removeprefix(GIVEN)

    @property
    def sizes(self) -> tuple[int, int] | None:
        """See `Task`."""
        return None if self.given is None else (self.given.dim, self.given.n_classes)

    def preset(self) -> dict[str, Any]:
        """See `Task`."""
        return read_preset() if self.given is not None else read_preset(self.name)

    def defaults(self, preset: Mapping[str, Any], derivatives: str | None) -> dict[str, Any]:
        """See `Task`."""
        if derivatives is not None:
            raise UsageError(f"derivatives: {derivatives!r} for {self.name}; allowed: none, it has no PDE")
        return {"batches": preset.get("batches", {})}

    def objective(
        self, options: DatasetOptions, batch_size: int, seed: int, rounding: float = 0.0
    ) -> ClassificationObjective:
        """See `Task`."""
        data = load_dataset(self.name, options.data) if self.given is None else self.given
        return ClassificationObjective(data, batch_size, seed, options.batches)

    def sizes_of(self, objective: ClassificationObjective) -> tuple[int, int]:
        """See `Task`."""
        return objective.data.dim, objective.data.n_classes

    def draw_inputs(self, objective: ClassificationObjective) -> Callable[[int, np.random.Generator], Array]:
        """See `Task`."""
        samples = objective.data.train[0]
        return lambda n, rng: samples[rng.integers(len(samples), size=n)]

    def stated(self, error: float) -> float:
        """See `Task`: the share of right answers."""
        return 1.0 - error

    def answer(
        self, objective: ClassificationObjective, oracle: ForwardOracle, controls: Array, inputs: Array
    ) -> Array:
        """See `Task`."""
        return objective.answers(oracle, controls, inputs)

    def columns(self, objective: ClassificationObjective) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """See `Task`."""
        return tuple(f"x{k + 1}" for k in range(objective.data.dim)), ("class",)

    def exact(self, inputs: Array) -> None:
        """See `Task`: what an input shows is not known."""

    def panel(
        self, objective: ClassificationObjective, oracle: ForwardOracle, controls: Array
    ) -> Callable[[Any], None]:
        """See `Task`."""
        from photonzero.experiments.drawing.run_figures import confusion_panel

        inputs, labels = objective.data.test
        answers = objective.answers(oracle, controls, inputs)
        return partial(confusion_panel, labels=labels, answers=answers, n_classes=objective.data.n_classes)

    def draw(
        self,
        folder: Path,
        title: str,
        objective: ClassificationObjective,
        oracle: ForwardOracle,
        controls: Array,
    ) -> None:
        """See `Task`: confusion.png."""
        from photonzero.experiments.drawing.run_figures import draw_confusion

        inputs, labels = objective.data.test
        answers = objective.answers(oracle, controls, inputs)
        draw_confusion(folder / "confusion.png", title, labels, answers, objective.data.n_classes)

    def data_files(self, options: DatasetOptions) -> Mapping[str, Path]:
        """See `Task`."""
        return {} if self.given is not None else dataset_files(self.name, options.data)

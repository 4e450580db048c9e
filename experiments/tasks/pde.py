"""PDEs as tasks: the library's, a user's file, or an object of Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import GIVEN, given_name
from photonzero.experiments.files.toml import reject_unknown
from photonzero.experiments.presets import read_preset
from photonzero.experiments.tasks.base import TaskOptions, described
from photonzero.registry import is_file_name
from photonzero.training.checks import at_least
from photonzero.training.objective import Continuation, PinnObjective, PointOptions
from photonzero.training.objective.pinn.rounding import check_rounding
from photonzero.training.objective.pinn.windows import WindowedObjective
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.problems import PDE, PROBLEMS, get_problem
from photonzero.training.stencils import RULES, make_rule, rule_options
from photonzero.training.stencils.spacing import SpacedRule


@dataclass(frozen=True)
class RuleChoice:
    """A stencil rule and its options.

    Attributes:
        name: of the rule.
        options: its settings by name.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Any, path: str) -> RuleChoice:
        """From the section of a run's table.

        Raises:
            UsageError: no section, no name, or an unknown option.
            TrainingError: an unknown rule.
        """
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            raise UsageError(f"configuration {path}: {table!r}; allowed: a section [{path}] with a name")
        name = RULES.resolved(table["name"])
        given = {key: value for key, value in table.items() if key != "name"}
        reject_unknown(given, set(rule_options(name)), f"{path}.")
        return cls(name, {**rule_options(name), **given})

    def to_table(self) -> dict[str, Any]:
        """As the section of a run's table."""
        return {"name": self.name, **self.options}


@dataclass(frozen=True)
class PdeOptions(TaskOptions):
    """Keys of a run that a PDE adds.

    Attributes:
        derivatives: how they are taken.
        points: where the PDE is measured, and what counts how much.
        presented: intervals that coordinates are presented to the network as, by name; others as the problem
            has them.
        continuation: of a coefficient of the problem.
        windows: stretches of time that are learnt one after the other, each with settings of its own.
    """

    derivatives: RuleChoice
    points: PointOptions = field(default_factory=PointOptions)
    presented: Mapping[str, tuple[float, float]] | None = None
    continuation: Continuation | None = None
    windows: int | None = None

    def __post_init__(self) -> None:
        at_least(self, windows=1)

    @property
    def rule(self) -> str:
        """Name of the stencil rule."""
        return self.derivatives.name


@dataclass(frozen=True)
class PdeTask:
    """A PDE and its conditions, at random points.

    Attributes:
        name: as a configuration holds it.
        problem: the PDE.
        is_own: whether it is a user's, without a preset.
    """

    options: ClassVar[type[TaskOptions]] = PdeOptions
    error_name: ClassVar[str] = "rel_l2"
    error_label: ClassVar[str] = "relative l2 error"
    loss_label: ClassVar[str] = "mean squared residual"

    name: str
    problem: PDE
    is_own: bool

    @classmethod
    def find(cls, problem: Any) -> PdeTask | None:
        """See `Task`; an object of `PDE`, or its class."""
        if inspect.isclass(problem) and issubclass(problem, PDE):
            problem = problem()
        if isinstance(problem, PDE):
            return cls(given_name(problem), problem, True)
        if not isinstance(problem, str) or not (problem in PROBLEMS or is_file_name(problem)):
            return None
        return cls(PROBLEMS.resolved(problem), get_problem(problem), problem not in PROBLEMS.builtin)

    @classmethod
    def known(cls) -> Mapping[str, str]:
        """See `Task`."""
        return {name: described(lambda name=name: type(get_problem(name)).__doc__) for name in PROBLEMS}

    @property
    def label(self) -> str:
        """See `Task`."""
        return PROBLEMS.label(self.name.removeprefix(GIVEN))

    @property
    def has_error(self) -> bool:
        """See `Task`."""
        return self.problem.has_exact

    @property
    def sizes(self) -> tuple[int, int]:
        """See `Task`."""
        return self.problem.dim, self.problem.n_outputs

    def preset(self) -> dict[str, Any]:
        """See `Task`; a user's PDE may suggest a chip, a batch size and a rule."""
        preset = read_preset() if self.is_own else read_preset(self.name)
        return {**preset, **self.problem.suggestions()}

    def defaults(self, preset: Mapping[str, Any], derivatives: str | None) -> dict[str, Any]:
        """See `Task`."""
        rule = derivatives or preset["derivatives"]
        own = preset.get("derivative_options", {}).get(rule, {})
        return {"derivatives": {"name": rule, **own}, "points": preset.get("points", {})}

    def objective(
        self, options: PdeOptions, batch_size: int, seed: int, rounding: float = 0.0
    ) -> PinnObjective | WindowedObjective:
        """See `Task`."""
        rule = make_rule(options.derivatives.name, **options.derivatives.options)
        if isinstance(rule, SpacedRule):
            rule = rule.with_rounding(rounding)
        problem = self.problem.presenting(options.presented) if options.presented else self.problem

        def made(problem: PDE) -> PinnObjective:
            return PinnObjective(problem, rule, batch_size, seed, options.points, options.continuation)

        n_windows = options.windows or 1
        objective = made(problem) if n_windows == 1 else WindowedObjective(problem, n_windows, made)
        check_rounding(objective.blocks, rounding)
        return objective

    def sizes_of(self, objective: PinnObjective | WindowedObjective) -> tuple[int, int]:
        """See `Task`."""
        return self.sizes

    def draw_inputs(
        self, objective: PinnObjective | WindowedObjective
    ) -> Callable[[int, np.random.Generator], Array]:
        """See `Task`."""
        problem = objective.problem
        return lambda n, rng: (problem.sample(n, rng) - problem.center) / problem.scale

    def stated(self, error: float) -> float | None:
        """See `Task`."""
        # A problem without a solution has no error, and JSON has no NaN.
        return None if np.isnan(error) else error

    def answer(
        self,
        objective: PinnObjective | WindowedObjective,
        oracle: ForwardOracle,
        controls: Array,
        inputs: Array,
    ) -> Array:
        """See `Task`."""
        return objective.predict(oracle, controls, inputs)

    def columns(
        self, objective: PinnObjective | WindowedObjective
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """See `Task`: x1, x2, .. for a vector x."""
        return self.problem.space.columns, self.problem.outputs

    def exact(self, inputs: Array) -> Array | None:
        """See `Task`."""
        return self.problem.reference(inputs) if self.has_error else None

    def panel(
        self, objective: PinnObjective | WindowedObjective, oracle: ForwardOracle, controls: Array
    ) -> Callable[[Any], None]:
        """See `Task`."""
        from photonzero.experiments.drawing.run_figures import solution_panel

        points = objective.test_points
        return partial(
            solution_panel,
            names=self.problem.space.columns,
            outputs=self.problem.outputs,
            points=points,
            predicted=objective.predict(oracle, controls, points),
            exact=self.problem.reference(points) if self.has_error else None,
        )

    def draw(
        self,
        folder: Path,
        title: str,
        objective: PinnObjective | WindowedObjective,
        oracle: ForwardOracle,
        controls: Array,
    ) -> None:
        """See `Task`: solution.png."""
        from photonzero.experiments.drawing.run_figures import draw_solution

        points = objective.test_points
        predicted = objective.predict(oracle, controls, points)
        names, outputs = self.columns(objective)
        draw_solution(folder / "solution.png", title, names, outputs, points, predicted, self.exact(points))

    def data_files(self, options: PdeOptions) -> Mapping[str, Path]:
        """See `Task`."""
        return {}

"""The loop: ask, measure, tell; within a budget of inferences, resumable after any interruption."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.errors import ArgumentError, CheckpointError
from training.objective import Objective
from training.optimizers.base import Optimizer
from training.oracle import Array, ForwardOracle, metered

HISTORY_COLUMNS = ("step", "inferences", "loss", "validation_error", "wall_s")


@dataclass(frozen=True)
class Limits:
    """When training ends, whichever comes first.

    Attributes:
        max_inferences: optical inferences of training; never exceeded.
        max_steps: steps of the optimizer.
        target_error: on the validation points.
        plateau_steps: steps in a row without a new lowest validation error; None goes on.
        divergence_factor: a loss so many times the first one has diverged, as one that is not finite.
    """

    max_inferences: int = 5_000_000
    max_steps: int | None = None
    target_error: float | None = None
    plateau_steps: int | None = None
    divergence_factor: float = 1e6

    def __post_init__(self) -> None:
        if self.max_inferences < 1:
            raise ArgumentError(f"max_inferences: {self.max_inferences}; allowed: >= 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise ArgumentError(f"max_steps: {self.max_steps}; allowed: >= 1")
        if self.target_error is not None and not self.target_error > 0:
            raise ArgumentError(f"target_error: {self.target_error}; allowed: > 0")
        if self.plateau_steps is not None and self.plateau_steps < 1:
            raise ArgumentError(f"plateau_steps: {self.plateau_steps}; allowed: >= 1")
        if not self.divergence_factor > 1:
            raise ArgumentError(f"divergence_factor: {self.divergence_factor}; allowed: > 1")


@dataclass(frozen=True)
class Progress:
    """What a callback sees after a step.

    Attributes:
        step: steps completed.
        inferences: of training.
        loss: as the optimizer states it.
        validation_error: after the step.
        wall_s: time spent in this run, earlier parts included [s].
        round_inferences: of a round of ask and tell, so that a display can tell what is next.
    """

    step: int
    inferences: int
    loss: float
    validation_error: float
    wall_s: float
    round_inferences: int


@dataclass
class TrainingRun:
    """One training of one oracle: everything that a checkpoint holds.

    Args:
        oracle: the chip. If it has ``state()`` and ``restore(state)``, as a simulated one has, its noise
            continues exactly on resume; a real chip has neither.
        objective: what is minimised. If it has ``state()`` and ``restore(state)``, they are part of the
            checkpoint.
        optimizer: how.
        limits: when to end.
        on_step: called after every step, for display and checkpoints; may raise to interrupt.

    Attributes:
        history: a row a step, columns HISTORY_COLUMNS.
    """

    oracle: ForwardOracle
    objective: Objective
    optimizer: Optimizer
    limits: Limits
    on_step: Callable[[Progress], None] | None = None
    history: list[tuple[float, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._training = metered(self.oracle)
        self._checking = metered(self.oracle)
        self._n_batches = 0
        self._wall_before_s = 0.0
        self._started_s = time.perf_counter()
        self._snapshot = self._state()

    @property
    def checking(self) -> ForwardOracle:
        """The oracle behind the meter of validation, test and figures."""
        return self._checking

    @property
    def inferences(self) -> int:
        """Optical inferences of training."""
        return self._training.inferences

    @property
    def settings(self) -> int:
        """Times the controls were programmed for training."""
        return self._training.settings

    @property
    def inferences_validation(self) -> int:
        """Optical inferences of validation and test."""
        return self._checking.inferences

    @property
    def wall_s(self) -> float:
        """Time spent, earlier parts of a resumed run included [s]."""
        return self._wall_before_s + time.perf_counter() - self._started_s

    def train(self) -> dict[str, str]:
        """Train until a limit or the optimizer says stop.

        Returns:
            Reasons to stop, by name.

        Raises:
            MeasurementError: an answer of the oracle cannot be used. `checkpoint` still holds the last
                completed step, as after any other exception.
        """
        while not (reasons := self._reasons_to_stop()):
            candidates = self.optimizer.ask()
            round_cost = candidates.controls.shape[0] * self.objective.inferences_per_candidate
            if self.inferences + round_cost > self.limits.max_inferences:
                # The step in progress is dropped: a checkpoint is only taken between steps.
                return {"max_inferences": f"the next round needs {round_cost} inferences"}
            if candidates.fresh_points:
                self.objective.load_batch(self._n_batches)
                self._n_batches += 1
            steps_before = self.optimizer.n_steps
            self.optimizer.tell(
                self.objective.evaluate(
                    self._training, candidates.controls, with_readout=candidates.with_readout
                )
            )
            if self.optimizer.n_steps > steps_before:
                self._finish_step(round_cost)
        return reasons

    def test_error(self) -> float:
        """Error on the test points, which nothing else uses. Measure it once, at the end."""
        return self.objective.test_error(self._checking, self.optimizer.controls)

    def checkpoint(self) -> dict[str, Array]:
        """State after the last completed step, whatever happened since."""
        return self._snapshot

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from a checkpoint of a run with the same configuration.

        Raises:
            CheckpointError: something is missing.
        """
        try:
            prefix = "optimizer/"
            own = {key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)}
            if own.keys() != self.optimizer.state().keys():
                raise CheckpointError("checkpoint: state of another optimizer cannot be read")
            self.optimizer.restore(own)
            trainer = json.loads(str(state["trainer"]))
            self._training.inferences = trainer["inferences"]
            self._training.settings = trainer["settings"]
            self._checking.inferences = trainer["inferences_validation"]
            self._n_batches = trainer["n_batches"]
            self._wall_before_s = trainer["wall_s"]
            oracle_state = trainer["oracle"]
            self.history[:] = [tuple(row) for row in state["history"].tolist()]
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"checkpoint: {error} cannot be read") from error
        if self._n_batches > 0:
            self.objective.load_batch(self._n_batches - 1)
        restore_objective: Any = getattr(self.objective, "restore", None)
        if restore_objective is not None:
            prefix = "objective/"
            restore_objective({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        restore: Any = getattr(self.oracle, "restore", None)
        if restore is not None and oracle_state is not None:
            restore(oracle_state)
        self._started_s = time.perf_counter()
        self._snapshot = self._state()

    def _reasons_to_stop(self) -> dict[str, str]:
        reasons = dict(self.optimizer.stop())
        if self.limits.max_steps is not None and self.optimizer.n_steps >= self.limits.max_steps:
            reasons["max_steps"] = f"{self.optimizer.n_steps} steps"
        target = self.limits.target_error
        if target is not None and self.history and self.history[-1][3] <= target:
            reasons["target_error"] = f"validation error {self.history[-1][3]:.3g}"
        if self.history:
            first, last = self.history[0][2], self.history[-1][2]
            if not math.isfinite(last) or last > self.limits.divergence_factor * first:
                reasons["diverged"] = f"loss {last:.3g} after {first:.3g} in the first step"
        patience = self.limits.plateau_steps
        if patience is not None and len(self.history) > patience:
            errors = [row[3] for row in self.history]
            if min(errors[-patience:]) >= min(errors[:-patience]):
                reasons["plateau"] = f"no lower validation error in {patience} steps"
        return reasons

    def _finish_step(self, round_cost: int) -> None:
        error = self.objective.validation_error(self._checking, self.optimizer.controls)
        step, wall_s = self.optimizer.n_steps, self.wall_s
        self.history.append((step, self.inferences, self.optimizer.loss, error, wall_s))
        self._snapshot = self._state()
        if self.on_step is not None:
            self.on_step(Progress(step, self.inferences, self.optimizer.loss, error, wall_s, round_cost))

    def _state(self) -> dict[str, Array]:
        state: Any = getattr(self.oracle, "state", None)
        trainer = {
            "inferences": self.inferences,
            "settings": self.settings,
            "inferences_validation": self.inferences_validation,
            "n_batches": self._n_batches,
            "wall_s": self.wall_s,
            "oracle": state() if state is not None else None,
        }
        objective_state: Any = getattr(self.objective, "state", dict)
        return {
            **{f"optimizer/{key}": value for key, value in self.optimizer.state().items()},
            **{f"objective/{key}": value for key, value in objective_state().items()},
            "trainer": np.array(json.dumps(trainer)),
            "history": np.array(self.history).reshape(-1, len(HISTORY_COLUMNS)),
        }

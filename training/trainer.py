"""The loop: ask, measure, tell; within a budget of inferences, resumable after any interruption."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from photonzero.training.callbacks import Callback, Closes, Progress
from photonzero.training.checks import at_least, require
from photonzero.training.ensemble import metered_chips
from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.layers.oracle import LastLayerReading, LayerReading
from photonzero.training.meter import MeteredLastLayerOracle, MeteredLayerOracle
from photonzero.training.objective import Evaluation, KnownTask, Objective
from photonzero.training.optimizers.base import Candidates, Optimizer
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.powers import (
    Advances,
    EndsWindows,
    InWindows,
    Planned,
    Stateful,
    inferences_to_choose,
    state_of,
)

HISTORY_COLUMNS = ("step", "inferences", "loss", "validation_error", "wall_s")
HISTORY_TYPE = np.dtype([(name, "i8" if name in HISTORY_COLUMNS[:2] else "f8") for name in HISTORY_COLUMNS])
"""Of a history with named columns."""

_GONE = {"noise_columns"}
"""What older checkpoints of Gauss-Newton also hold, for an option that is gone."""


@dataclass(frozen=True)
class Limits:
    """When training ends, whichever comes first.

    Attributes:
        max_inferences: optical inferences of training; never exceeded.
        max_steps: steps of the optimizer.
        target_error: on the validation points.
        plateau_steps: steps in a row without a new lowest validation error; None goes on.
        divergence_factor: a loss so many times the first one that is not 0 has diverged, as one that is not
            finite.
        validate_every: steps from one measurement of the validation error to the next; NaN stands in the
            history of the others.
        answer_timeout_s: an answer of the oracle that takes longer is a `MeasurementError`; None waits [s].
    """

    max_inferences: int = 5_000_000
    max_steps: int | None = None
    target_error: float | None = None
    plateau_steps: int | None = None
    divergence_factor: float = 1e6
    validate_every: int = 1
    answer_timeout_s: float | None = None

    def __post_init__(self) -> None:
        at_least(self, max_inferences=1, max_steps=1, plateau_steps=1, validate_every=1)
        require(self, "divergence_factor", self.divergence_factor > 1, "> 1")
        at_most = threading.TIMEOUT_MAX
        for name, high in (("target_error", math.inf), ("answer_timeout_s", at_most)):
            value = getattr(self, name)
            require(self, name, value is None or 0 < value <= high, f"> 0, up to {high:g}")


@dataclass
class TrainingRun:
    """One training of one oracle: everything that a checkpoint holds.

    Args:
        oracle: the chip, or an `EnsembleOracle` with an `EnsembleObjective`. If it is `Stateful`, as a
            simulated one is, its noise continues exactly on resume; a real chip is not.
        objective: what is minimised. The state of a `Stateful` one is part of the checkpoint.
        optimizer: how.
        limits: when to end.
        callbacks: called after every step, one after the other: display, checkpoints, rules of one's own
            for stopping. Those with a ``close`` are closed when a training ends.

    Attributes:
        history: a row a step, columns HISTORY_COLUMNS; rows are added and never changed.
    """

    oracle: ForwardOracle
    objective: Objective
    optimizer: Optimizer
    limits: Limits
    callbacks: Sequence[Callback] = ()
    history: list[tuple[float, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._training = metered_chips(self.oracle, self.limits.answer_timeout_s)
        self._checking = metered_chips(self.oracle, self.limits.answer_timeout_s)
        self._asked_to_stop: dict[str, str] = {}
        self._n_batches, self._batch_factor = 0, 1
        self._lowest = 0, math.inf
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
    def layer_inferences(self) -> int:
        """Those of them that were of one layer."""
        return self._training.layer_inferences if isinstance(self._training, MeteredLayerOracle) else 0

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
        try:
            return self._train()
        finally:
            for callback in self.callbacks:
                if isinstance(callback, Closes):
                    callback.close()

    def _train(self) -> dict[str, str]:
        while not (reasons := self._reasons_to_stop()):
            candidates = self.optimizer.ask()
            if candidates.fresh_points:
                self._batch_factor = candidates.batch_factor
                self._advance()
                self.objective.load_batch(self._n_batches, self._batch_factor)
                self._n_batches += 1
            round_cost = candidates.controls.shape[0] * self._inferences_of_pass(candidates)
            round_cost += inferences_to_choose(self.objective)
            round_cost += sum(reading.n_inferences for reading in candidates.readings or ())
            if self.inferences + round_cost > self.limits.max_inferences:
                # The step in progress is dropped: a checkpoint is only taken between steps.
                return {"max_inferences": f"the next round needs {round_cost} inferences"}
            steps_before = self.optimizer.n_steps
            self.optimizer.tell(self._measured(candidates))
            if self.optimizer.n_steps > steps_before:
                self._finish_step(round_cost)
        return reasons

    def _advance(self) -> None:
        """Tell the objective how far the training is, where it wants to know."""
        if isinstance(self.objective, InWindows) and isinstance(self.optimizer, EndsWindows):
            self.objective.enter(self.optimizer.ended)
        if isinstance(self.objective, Advances):
            self.objective.advance(self._done)

    @property
    def _done(self) -> float:
        """Share of the training that is over: of the optimizer's plan, or else of the inferences."""
        if isinstance(self.optimizer, Planned):
            return self.optimizer.done
        return self.inferences / self.limits.max_inferences

    def named_history(self) -> Array:
        """The history (n_steps,) with named columns: ``run.named_history()["loss"]``."""
        return np.array(self.history, dtype=HISTORY_TYPE)

    def test_error(self) -> float:
        """Error on the test points, which nothing else uses. Measure it once, at the end."""
        return self.objective.test_error(self._checking, self.optimizer.controls)

    def checkpoint(self) -> dict[str, Array]:
        """State after the last completed step, whatever happened since."""
        rows = np.array(self.history[: self._n_snapshot_rows]).reshape(-1, len(HISTORY_COLUMNS))
        return {**self._snapshot, "history": rows}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from a checkpoint of a run with the same configuration.

        Raises:
            CheckpointError: something is missing.
        """
        try:
            prefix = "optimizer/"
            own = {key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)}
            if own.keys() - _GONE != self.optimizer.state().keys():
                raise CheckpointError("checkpoint: state of another optimizer cannot be read")
            self.optimizer.restore(own)
            trainer = json.loads(str(state["trainer"]))
            self._training.count_from(trainer["inferences"], trainer["settings"])
            if isinstance(self._training, MeteredLayerOracle):
                self._training.layer_inferences = trainer.get("layer_inferences", 0)
            self._checking.count_from(trainer["inferences_validation"], 0)
            self._n_batches = trainer["n_batches"]
            self._batch_factor = trainer["batch_factor"]
            self._wall_before_s = trainer["wall_s"]
            oracle_state = trainer["oracle"]
            self._lowest = 0, math.inf
            self.history[:] = [tuple(row) for row in state["history"].tolist()]
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"checkpoint: {error} cannot be read") from error
        self._advance()
        if self._n_batches > 0:
            self.objective.load_batch(self._n_batches - 1, self._batch_factor)
        if isinstance(self.objective, Stateful):
            prefix = "objective/"
            self.objective.restore({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        if isinstance(self.oracle, Stateful) and oracle_state is not None:
            self.oracle.restore(oracle_state)
        self._started_s = time.perf_counter()
        self._snapshot = self._state()

    def _inferences_of_pass(self, candidates: Candidates) -> int:
        """Of the batch with one setting: where layers are read, only values are presented and no stencils."""
        if candidates.readings is None or not isinstance(self.objective, KnownTask):
            return self.objective.inferences_per_candidate
        if not len(candidates.controls):
            return 0
        n_inputs = sum(nodes.shape[0] * nodes.shape[1] for nodes in self.objective.known_batch().nodes)
        return -(-n_inputs // candidates.pass_one_in)

    def _measured(self, candidates: Candidates) -> Evaluation:
        if candidates.readings is None:
            return self.objective.evaluate(
                self._training, candidates.controls, with_readout=candidates.with_readout
            )
        if not isinstance(self.objective, KnownTask):
            raise ArgumentError(
                "task: none whose loss is a known function of a network's answers, as this optimizer "
                "needs; allowed: a PDE or a dataset (or another optimizer)"
            )
        readings = [self._read(own) for own in candidates.readings]
        known, passed = self.objective.known_batch(), []
        if len(candidates.controls):
            if not isinstance(self._training, MeteredLayerOracle):
                raise _closed("measure_layers")
            inputs = np.concatenate([nodes.reshape(-1, nodes.shape[-1]) for nodes in known.nodes])
            passed = self._training.measure_layers(candidates.controls, inputs[:: candidates.pass_one_in])
        return Evaluation(np.zeros(0), np.zeros((0, 0)), readings=readings, passed=passed, known=known)

    def _read(self, own: LayerReading | LastLayerReading) -> Array:
        if isinstance(own, LastLayerReading):
            if not isinstance(self._training, MeteredLastLayerOracle):
                raise _closed("measure_last_layer")
            return self._training.measure_last_layer(own.controls, own.inputs)
        if not isinstance(self._training, MeteredLayerOracle):
            raise _closed("measure_layer")
        return self._training.measure_layer(own.layer, own.controls, own.vectors)

    def _reasons_to_stop(self) -> dict[str, str]:
        reasons = {**self.optimizer.stop(), **self._asked_to_stop}
        if self.limits.max_steps is not None and self.optimizer.n_steps >= self.limits.max_steps:
            reasons["max_steps"] = f"{self.optimizer.n_steps} steps"
        target = self.limits.target_error
        if target is not None and self.history and self.history[-1][3] <= target:
            reasons["target_error"] = f"validation error {self.history[-1][3]:.3g}"
        if self.history:
            last = self.history[-1][2]
            # A batch that happens to be fitted exactly says nothing of the size of losses.
            first = next((row[2] for row in self.history if row[2] > 0), last)
            if not math.isfinite(last) or last > self.limits.divergence_factor * first:
                reasons["diverged"] = f"loss {last:.3g} after {first:.3g} in the first step"
        patience = self.limits.plateau_steps
        if patience is not None and len(self.history) > patience:
            recent = [row[3] for row in self.history[-patience:] if math.isfinite(row[3])]
            if recent and min(recent) >= self._lowest_before(len(self.history) - patience):
                reasons["plateau"] = f"no lower validation error in {patience} steps"
        return reasons

    def _lowest_before(self, row: int) -> float:
        """Lowest validation error of the rows before one; infinity without any. Each is looked at once."""
        seen, lowest = self._lowest if self._lowest[0] <= row else (0, math.inf)
        new = [each[3] for each in self.history[seen:row] if math.isfinite(each[3])]
        self._lowest = row, min([lowest, *new])
        return self._lowest[1]

    def _finish_step(self, round_cost: int) -> None:
        step = self.optimizer.n_steps
        error = math.nan
        if step % self.limits.validate_every == 0:
            error = self.objective.validation_error(self._checking, self.optimizer.controls)
        wall_s = self.wall_s
        self.history.append((step, self.inferences, self.optimizer.loss, error, wall_s))
        self._snapshot = self._state()
        controls = np.asarray(self.optimizer.controls).view()
        controls.flags.writeable = False
        progress = Progress(step, self.inferences, self.optimizer.loss, error, wall_s, round_cost, controls)
        for callback in self.callbacks:
            answer = callback(progress)
            if not isinstance(answer, Mapping | None):
                raise ArgumentError(
                    f"callback {callback!r}: answered {answer!r}; allowed: None, or reasons to stop by name"
                )
            self._asked_to_stop.update(answer or {})

    def _state(self) -> dict[str, Array]:
        """A checkpoint without the history, which would be copied whole: the number of its rows will do."""
        self._n_snapshot_rows = len(self.history)
        trainer = {
            "inferences": self.inferences,
            "layer_inferences": self.layer_inferences,
            "settings": self.settings,
            "inferences_validation": self.inferences_validation,
            "n_batches": self._n_batches,
            "batch_factor": self._batch_factor,
            "wall_s": self.wall_s,
            "oracle": state_of(self.oracle),
        }
        return {
            **{f"optimizer/{key}": value for key, value in self.optimizer.state().items()},
            **{f"objective/{key}": value for key, value in (state_of(self.objective) or {}).items()},
            "trainer": np.array(json.dumps(trainer)),
        }


def _closed(method: str) -> ArgumentError:
    """The error for readings of a chip that does not offer them."""
    return ArgumentError(f"oracle: no layer access; allowed: one chip that offers {method}")

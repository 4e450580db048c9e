"""One training run: trained in memory or in its folder, continued, loaded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import locked
from photonzero.experiments.run.assembly import Assembled, assemble
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.experiments.run.folder import (
    CHECKPOINT,
    HISTORY,
    RESULT,
    StateFiles,
    load_config,
    refuse_a_run,
    saved_state,
    write_config,
    write_state,
)
from photonzero.experiments.run.result import null_of, result_of
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.ensemble import EnsembleOracle
from photonzero.training.meter import MeteredOracle, metered
from photonzero.training.objective import Objective
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS, Callback, Progress, TrainingRun

_SECONDS_BETWEEN_CHECKPOINTS = 2.0
_PAUSE_OVER_WRITING = 10


def trained(config: RunConfig, folder: Path) -> tuple[Objective, Array]:
    """Task and controls (n_controls,) that a run has come to.

    Raises:
        CheckpointError: no usable checkpoint there.
    """
    parts = assemble(config, 1)
    run = parts.run(config.limits)
    run.restore(saved_state(config, folder))
    return parts.objective, run.optimizer.controls


@dataclass
class Outcome:
    """What a training has come to.

    Attributes:
        parts: what was trained.
        run: the training, with its history and its optimizer.
        stop: reasons why it ended, by name.
        quality: test error, under the name it has in result.json, and what the controls do on other chips.
        inferences_held_out: optical inferences on those.
        result: the content of result.json.
    """

    parts: Assembled
    run: TrainingRun
    stop: dict[str, str]
    quality: dict[str, Any]
    inferences_held_out: int

    def __post_init__(self) -> None:
        self.result = self._result()

    @one_blas_thread()
    def save(self, folder: Path) -> None:
        """Write config, history, checkpoint, figures and result into a folder that exists."""
        write_state(self.parts.config, self.run, folder)
        write_config(self.parts.config, folder)
        _draw(self.parts, self.run, folder)
        # The figures took inferences too.
        self.result["inferences_validation"] = self.run.inferences_validation + self.inferences_held_out
        text = json.dumps(self.result, indent=2) + "\n"
        write_atomically(folder / RESULT, lambda file: file.write(text.encode()))

    def _result(self) -> dict[str, Any]:
        checked = self.run.inferences_validation + self.inferences_held_out
        quality = {**self.quality, "inferences_validation": checked}
        return result_of(self.parts.config, self.parts.chip, self.run, quality, self.stop)


@one_blas_thread()
def train(parts: Assembled, callbacks: Sequence[Callback] = (), checkpoint: Path | None = None) -> Outcome:
    """Train and measure the test error, without a folder; see `execute_in`.

    Args:
        parts: assembled, and not used before.
        callbacks: called after every step.
        checkpoint: file that keeps how far it is, and from which it goes on if it is there.
    """
    config = parts.config

    def write_state() -> None:
        if checkpoint is not None:
            save_checkpoint(checkpoint, config.fingerprint(), run.checkpoint())

    run = parts.run(config.limits, (_now_and_then(write_state), *callbacks))
    if checkpoint is not None and checkpoint.exists():
        run.restore(load_checkpoint(checkpoint, config.fingerprint()))
    return _outcome(parts, run, _stepped(run))


def _stepped(run: TrainingRun) -> dict[str, str]:
    """Train; reasons to stop by name.

    Raises:
        UsageError: the budget ends before the first step, and there is nothing to speak of.
    """
    stop = run.train()
    if not run.optimizer.n_steps and "max_inferences" in stop:
        raise UsageError(
            f"max_inferences: {run.limits.max_inferences:,} end before the first step "
            f"({stop['max_inferences']} after {run.inferences:,}); allowed: enough for one"
        )
    return stop


def _now_and_then(write: Callable[[], None]) -> Callback:
    """Calls `write` after a step, but not more often than a disk should be asked to.

    Nor so often that writing, which takes the longer the longer the history is, takes a tenth of the time.
    """
    last_written_s, pause_s = time.perf_counter(), _SECONDS_BETWEEN_CHECKPOINTS

    def callback(progress: Progress) -> None:
        nonlocal last_written_s, pause_s
        started_s = time.perf_counter()
        if started_s - last_written_s > pause_s:
            write()
            last_written_s = time.perf_counter()
            pause_s = max(_SECONDS_BETWEEN_CHECKPOINTS, _PAUSE_OVER_WRITING * (last_written_s - started_s))

    return callback


def _outcome(parts: Assembled, run: TrainingRun, stop: dict[str, str]) -> Outcome:
    held_out = [metered(chip) for chip in parts.held_out]
    quality = _quality(parts, run, held_out)
    outcome = Outcome(parts, run, stop, quality, sum(chip.inferences for chip in held_out))
    # After everything that the run's own time and inferences are about.
    if (null := null_of(parts)) is not None:
        outcome.result["null"] = null
    return outcome


@one_blas_thread()
def execute_in(
    parts: Assembled, folder: Path, *, resume: bool = False, callbacks: Sequence[Callback] = ()
) -> Outcome:
    """Train, and keep the folder up to date all the while.

    Args:
        parts: assembled, and not used before.
        folder: where; empty, or with `resume` that of a run.
        resume: continue from the checkpoint.
        callbacks: called after every step, such as a display's.

    Raises:
        UsageError: another process works in the folder, or without `resume` it holds a run.
        KeyboardInterrupt: after the checkpoint of the last completed step was written.
    """
    with locked(folder, "run"):
        if not resume:
            refuse_a_run(folder)
        return _execute(parts, folder, resume, callbacks)


def _execute(parts: Assembled, folder: Path, resume: bool, callbacks: Sequence[Callback]) -> Outcome:
    config = parts.config
    keep_state = _now_and_then(lambda: files.write())
    run = parts.run(config.limits, (keep_state, *callbacks))
    files = StateFiles(config, run, folder)
    # A run that was killed before its first checkpoint begins again.
    if resume and ((folder / CHECKPOINT).exists() or (folder / HISTORY).exists()):
        run.restore(saved_state(config, folder))
        # What an older version wrote is written anew before the configuration is.
        files.write()
    write_config(config, folder)
    files.write()
    (folder / RESULT).unlink(missing_ok=True)
    try:
        stop = _stepped(run)
    finally:
        # Whatever ended it, the last completed step is kept.
        files.write()
    outcome = _outcome(parts, run, stop)
    outcome.save(folder)
    return outcome


def load_outcome(folder: Path, threads: int | None) -> Outcome:
    """What a run's folder holds; of one that was interrupted the test error is measured now.

    Raises:
        UsageError: no run there, or a result that is no JSON.
        CheckpointError: no usable checkpoint there.
    """
    config = load_config(folder)
    parts = assemble(config, threads)
    run = parts.run(config.limits)
    run.restore(saved_state(config, folder))
    if not (folder / RESULT).exists():
        with one_blas_thread():
            return _outcome(parts, run, {})
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        outcome = Outcome(parts, run, result["stop"], {}, 0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / RESULT}: cannot be read ({error}); allowed: a run's result") from error
    outcome.result = result
    return outcome


def _quality(parts: Assembled, run: TrainingRun, held_out: Sequence[MeteredOracle]) -> dict[str, Any]:
    """Test error, for an ensemble the mean over its chips, and what the controls do on other chips."""
    task = parts.config.task
    quality: dict[str, Any] = {task.error_name: task.stated(run.test_error())}
    if parts.further_chips:
        quality["n_chips"] = 1 + len(parts.further_chips)
    if held_out:
        errors = [parts.objective.test_error(chip, run.optimizer.controls) for chip in held_out]
        quality[f"held_out_{task.error_name}"] = [task.stated(error) for error in errors]
    return quality


def _draw(parts: Assembled, run: TrainingRun, folder: Path) -> None:
    # Drawing libraries take a second to load: only when there is something to draw.
    from photonzero.experiments.drawing.run_figures import draw_controls, draw_learning

    task, title, figures = parts.config.task, parts.config.title, folder / "figures"
    history = np.array(run.history).reshape(-1, len(HISTORY_COLUMNS))
    before, after = parts.initial_controls, run.optimizer.controls
    # Of an ensemble the first chip is drawn.
    oracle = run.checking.members[0] if isinstance(run.checking, EnsembleOracle) else run.checking
    draw_controls(figures / "controls.png", title, parts.chip.control_groups, before, after)
    draw_learning(figures / "learning.png", title, history, (task.loss_label, task.error_label))
    task.draw(figures, title, parts.objective, oracle, after)

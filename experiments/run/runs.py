"""One training run and its folder: config, history, checkpoint, result, figures."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from photonzero.experiments.config.chips import initial_controls
from photonzero.experiments.config.older import older_fingerprint
from photonzero.experiments.config.run_config import RunConfig, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import locked
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.photonics.cost import training_cost
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.ensemble import EnsembleObjective, EnsembleOracle, ensemble
from photonzero.training.errors import CheckpointError
from photonzero.training.meter import MeteredOracle, metered
from photonzero.training.objective import Objective
from photonzero.training.optimizers import Optimizer, PartialOptimizer, Start, start_on
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.trainer import HISTORY_COLUMNS, Callback, Limits, Progress, TrainingRun

CONFIG, HISTORY, CHECKPOINT, RESULT = "config.toml", "history.csv", "checkpoint.npz", "result.json"
SOURCES = "sources"

_SECONDS_BETWEEN_CHECKPOINTS = 2.0


@dataclass(frozen=True)
class Assembled:
    """The parts of a run, put together from its configuration.

    Attributes:
        config: the configuration.
        chip: the first one.
        objective: of one chip.
        optimizer: on controls that all chips share.
        initial_controls: (n_controls,).
        further_chips: of an ensemble.
        held_out: chips that are never trained on.
    """

    config: RunConfig
    chip: ForwardOracle
    objective: Objective
    optimizer: Optimizer
    initial_controls: Array
    further_chips: tuple[ForwardOracle, ...] = ()
    held_out: tuple[ForwardOracle, ...] = ()

    def run(self, limits: Limits, callbacks: Sequence[Callback] = ()) -> TrainingRun:
        """The training of one chip or of an ensemble."""
        if not self.further_chips:
            return TrainingRun(self.chip, self.objective, self.optimizer, limits, callbacks)
        chips = (self.chip, *self.further_chips)
        objective = EnsembleObjective(self.objective, len(chips))
        return TrainingRun(ensemble(chips), objective, self.optimizer, limits, callbacks)


@one_blas_thread()
def assemble(config: RunConfig, threads: int | None, start: Array | None = None) -> Assembled:
    """Fabricate the chip and make objective and optimizer.

    Every random role has a stream of its own, so that none depends on how much another draws.

    Args:
        config: the run.
        threads: of the simulator, None for all processors; no effect on results.
        start: (n_controls,) controls to start from, such as another run's; None draws them.

    Raises:
        UsageError: parts that do not fit together.
    """

    def made(seed: int) -> ForwardOracle:
        return config.source.make(noise=config.noise.model, seed=seed, dtype=config.dtype, threads=threads)

    def further(role: int, n: int) -> tuple[ForwardOracle, ...]:
        """Chips with seeds of their own, the same whatever the other role's number."""
        streams = [np.random.SeedSequence([config.chip_seed, role, k]) for k in range(n)]
        return tuple(made(int(stream.generate_state(1)[0])) for stream in streams)

    task, design = config.task, config.source.design
    chip = made(config.chip_seed)
    points, controls, directions = np.random.SeedSequence(config.seed).spawn(3)
    if config.limits.target_error is not None and not task.has_error:
        raise UsageError(f"target_error with {task.name}, which has no exact solution; allowed: none")
    objective = task.objective(config.own, config.batch_size, int(points.generate_state(1)[0]))
    for key, needs in zip(("n_in", "n_out"), task.sizes_of(objective), strict=True):
        has = getattr(chip if design is None else design, key, needs)
        if has != needs:
            what = {"n_in": "inputs", "n_out": "outputs"}[key]
            raise UsageError(f"chip {config.chip_name}: {has} {what}; allowed for {task.name}: {needs}")
    if start is not None and start.shape != (chip.n_controls,):
        raise UsageError(
            f"start: {start.shape} controls; allowed for {config.chip_name}: ({chip.n_controls},)"
        )
    initial = initial_controls(chip, np.random.default_rng(controls)) if start is None else start
    rng = np.random.default_rng(directions)

    def make(start: Start) -> Optimizer:
        return config.optimizer.method.make(start, config.optimizer.options, rng)

    on_chip = start_on(chip, initial)
    optimizer = PartialOptimizer(on_chip, config.frozen, make) if config.frozen else make(on_chip)
    return Assembled(
        config,
        chip,
        objective,
        optimizer,
        initial,
        further(0, config.n_chips - 1),
        further(1, config.n_held_out),
    )


def new_folder(path: Path | None, label: str) -> Path:
    """An empty folder for a run: the one given, or the next number under runs/.

    Raises:
        UsageError: it holds a run already, or cannot be made.
    """
    try:
        if path is None:
            runs = Path("runs")
            runs.mkdir(exist_ok=True)
            number = 1
            while True:
                try:
                    numbered = runs / f"{label}-{number:03d}"
                    numbered.mkdir()
                    return numbered
                except FileExistsError:
                    number += 1
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    _refuse_a_run(path)
    return path


def _refuse_a_run(folder: Path) -> None:
    if (folder / CONFIG).exists():
        raise UsageError(f"{folder}: holds a run already; allowed: another --out, or --resume {folder}")


def load_config(folder: Path) -> RunConfig:
    """Configuration of an existing run.

    Raises:
        UsageError: no run there.
    """
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder}: holds no run ({CONFIG} is missing)")
    return resolve(read_toml(folder / CONFIG))


def saved_state(config: RunConfig, folder: Path) -> dict[str, Array]:
    """The checkpoint of a run; one that an older version wrote too.

    Raises:
        CheckpointError: no usable checkpoint there.
    """
    path = folder / CHECKPOINT
    try:
        return load_checkpoint(path, config.fingerprint())
    except CheckpointError:
        with suppress(CheckpointError):
            return load_checkpoint(path, older_fingerprint(read_toml(folder / CONFIG)))
        raise


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
        _write_state(self.parts.config, self.run, folder)
        _write_config(self.parts.config, folder)
        _draw(self.parts, self.run, folder)
        # The figures took inferences too.
        self.result["inferences_validation"] = self.run.inferences_validation + self.inferences_held_out
        text = json.dumps(self.result, indent=2) + "\n"
        write_atomically(folder / RESULT, lambda file: file.write(text.encode()))

    def _result(self) -> dict[str, Any]:
        checked = self.run.inferences_validation + self.inferences_held_out
        quality = {**self.quality, "inferences_validation": checked}
        return _result(self.parts.config, self.parts.chip, self.run, quality, self.stop)


@one_blas_thread()
def train(parts: Assembled, callbacks: Sequence[Callback] = (), checkpoint: Path | None = None) -> Outcome:
    """Train and measure the test error, without a folder; see `execute`.

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
    return _outcome(parts, run, run.train())


def _now_and_then(write: Callable[[], None]) -> Callback:
    """Calls `write` after a step, but not more often than a disk should be asked to."""
    last_written_s = time.perf_counter()

    def callback(progress: Progress) -> None:
        nonlocal last_written_s
        if time.perf_counter() - last_written_s > _SECONDS_BETWEEN_CHECKPOINTS:
            write()
            last_written_s = time.perf_counter()

    return callback


def _outcome(parts: Assembled, run: TrainingRun, stop: dict[str, str]) -> Outcome:
    held_out = [metered(chip) for chip in parts.held_out]
    quality = _quality(parts, run, held_out)
    return Outcome(parts, run, stop, quality, sum(chip.inferences for chip in held_out))


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
            _refuse_a_run(folder)
        return _execute(parts, folder, resume, callbacks)


def _execute(parts: Assembled, folder: Path, resume: bool, callbacks: Sequence[Callback]) -> Outcome:
    config = parts.config
    keep_state = _now_and_then(lambda: _write_state(config, run, folder))
    run = parts.run(config.limits, (keep_state, *callbacks))
    # A run that was killed before its first checkpoint begins again.
    if resume and ((folder / CHECKPOINT).exists() or (folder / HISTORY).exists()):
        run.restore(saved_state(config, folder))
        # What an older version wrote is written anew before the configuration is.
        _write_state(config, run, folder)
    _write_config(config, folder)
    _write_state(config, run, folder)
    (folder / RESULT).unlink(missing_ok=True)
    try:
        stop = run.train()
    finally:
        # Whatever ended it, the last completed step is kept.
        _write_state(config, run, folder)
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


def execute(
    config: RunConfig,
    parts: Assembled,
    folder: Path,
    *,
    resume: bool,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Any]:
    """As `execute_in`; the content of result.json."""
    return execute_in(parts, folder, resume=resume, callbacks=callbacks).result


def _write_config(config: RunConfig, folder: Path) -> None:
    table, hashes = config.to_table(), config.file_hashes()
    if hashes:
        table["files"] = hashes
    write_atomically(folder / CONFIG, lambda file: tomli_w.dump(table, file))
    for path in config.user_files():
        content = path.read_bytes()
        sources = folder / SOURCES
        sources.mkdir(exist_ok=True)
        # Files of one name from two folders are told apart by their content.
        copy = sources / path.name
        if copy.exists() and copy.read_bytes() != content:
            copy = sources / f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}.py"
        write_atomically(copy, lambda file, content=content: file.write(content))


def _write_state(config: RunConfig, run: TrainingRun, folder: Path) -> None:
    save_checkpoint(folder / CHECKPOINT, config.fingerprint(), run.checkpoint())
    _write_history(folder / HISTORY, run)


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


def _write_history(path: Path, run: TrainingRun) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HISTORY_COLUMNS)
    for step, inferences, loss, error, wall_s in run.history:
        writer.writerow([int(step), int(inferences), repr(loss), repr(error), f"{wall_s:.3f}"])
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))


def _result(
    config: RunConfig, chip: ForwardOracle, run: TrainingRun, quality: dict[str, Any], stop: dict[str, str]
) -> dict[str, Any]:
    n_mzi, chip_time_s, chip_energy_j = 0, None, None
    if config.source.design is not None:
        n_mzi, chip_time_s, chip_energy_j = training_cost(config.source.design, run.inferences, run.settings)
    return {
        "schema": 1,
        "problem": config.task.name,
        "chip": config.chip_name,
        "noise": config.noise.name,
        "optimizer": config.optimizer.name,
        "derivatives": config.own.rule,
        "seed": config.seed,
        "n_controls": chip.n_controls,
        "n_mzi": n_mzi,
        **quality,
        "final_loss": run.optimizer.loss if np.isfinite(run.optimizer.loss) else None,
        "inferences": run.inferences,
        "layer_inferences": run.layer_inferences,
        "steps": run.optimizer.n_steps,
        "wall_s": run.wall_s,
        "peak_rss_mb": _peak_rss_mb(),
        "chip_time_s": chip_time_s,
        "chip_energy_j": chip_energy_j,
        "stop": stop,
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """What made a result: versions, and the commit of a checkout."""
    return {
        "versions": {
            "photonzero": version("photonzero"),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "numba")},
        },
        "git": _git_revision(),
    }


def _peak_rss_mb() -> float | None:
    """Peak memory of this process [MiB]; None where neither the system nor psutil tells it."""
    try:
        import resource
    except ImportError:
        # Windows has no such module; psutil knows it there, where it is installed.
        with suppress(ImportError, AttributeError):
            return import_module("psutil").Process().memory_info().peak_wset / 1024.0**2
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)


def _git_revision() -> str | None:
    """Commit of the checkout this code runs from; None for an installed copy."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


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

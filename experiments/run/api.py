"""A training from Python: what the command does, with the same presets and the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photonzero.experiments.config.run_config import (
    RunConfig,
    chip_table,
    default_table,
    resolve,
    with_limits,
)
from photonzero.experiments.files.toml import set_keys
from photonzero.experiments.run.runs import (
    Outcome,
    assemble,
    execute_in,
    load_config,
    load_outcome,
    new_folder,
    train,
)
from photonzero.training.trainer import Callback


def configured(
    problem: str,
    *,
    chip: str | None = None,
    noise: str | None = None,
    optimizer: str | None = None,
    derivatives: str | None = None,
    max_inferences: int | None = None,
    max_steps: int | None = None,
    target_error: float | None = None,
    seed: int | None = None,
    data: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    **keys: Any,
) -> RunConfig:
    """The configuration of a run: the problem's preset, and what is given here.

    Args:
        problem: name of a PDE or a dataset, or "file.py:Class".
        chip: name of a design, or a TOML file with one; None takes the problem's.
        noise: preset or TOML file; None takes "published".
        optimizer: name; None takes "gauss-newton".
        derivatives: name of a stencil rule; None takes the problem's.
        max_inferences: budget of optical inferences; None takes the problem's.
        max_steps: steps of the optimizer at most.
        target_error: validation error to stop at.
        seed: of training, and of the chip; 0 without one.
        data: folder of the files of a dataset that needs them.
        settings: any key of config.toml, dotted, such as ``{"optimizer.n_directions": 6}``.
        **keys: keys of config.toml without a dot, such as ``batch_size=200``.

    Raises:
        UsageError: an unknown name or key, or a value of the wrong type.
        DeviceError, TrainingError: a value out of range.
    """
    table = default_table(problem, optimizer or "gauss-newton", derivatives, noise or "published")
    if seed is not None:
        table["seed"] = seed
    if data is not None:
        table["data"] = str(Path(data).absolute())
    if chip is not None:
        table.pop("design", None)
        table.update(chip_table(chip))
    config = resolve(set_keys(table, {**keys, **(settings or {})}))
    return with_limits(config, max_inferences, max_steps, target_error)


def run(
    config: RunConfig,
    *,
    out: str | Path | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train as configured.

    Args:
        config: see `configured`.
        out: new run folder, written as the command does; None keeps everything in memory, and
            `Outcome.save` writes a folder later.
        threads: of the simulator, None for all processors; no effect on results.
        callbacks: called after every step.

    Raises:
        UsageError: parts that do not fit together, or a folder that holds a run.
        MeasurementError: an answer of the chip cannot be used.
    """
    parts = assemble(config, threads)
    if out is None:
        return train(parts, callbacks)
    return execute_in(parts, new_folder(Path(out), config.problem), callbacks=callbacks)


def load(folder: str | Path, *, threads: int | None = None) -> Outcome:
    """A run as its folder holds it, its chip in the state after the last checkpoint.

    Args:
        folder: of the run.
        threads: of the simulator, None for all processors; no effect on results.

    Raises:
        UsageError: no run there, or a damaged result.
        CheckpointError: no usable checkpoint there.
    """
    return load_outcome(Path(folder), threads)


def resume(
    folder: str | Path,
    *,
    max_inferences: int | None = None,
    max_steps: int | None = None,
    target_error: float | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Continue a run in its folder, with other limits where they are given.

    Args:
        folder: of the run.
        max_inferences: budget of optical inferences, those spent included.
        max_steps: steps of the optimizer at most, those done included.
        target_error: validation error to stop at.
        threads: of the simulator, None for all processors; no effect on results.
        callbacks: called after every step.

    Raises:
        UsageError: no run there.
        CheckpointError: a checkpoint that cannot be used.
    """
    config = with_limits(load_config(Path(folder)), max_inferences, max_steps, target_error)
    return execute_in(assemble(config, threads), Path(folder), resume=True, callbacks=callbacks)

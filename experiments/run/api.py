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
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml, set_keys
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.folder import load_config, new_folder
from photonzero.experiments.run.runs import Outcome, execute_in, train
from photonzero.training.callbacks import Callback, make_callback


def configured(
    problem: Any,
    *,
    chip: Any = None,
    noise: Any = None,
    optimizer: Any = None,
    derivatives: Any = None,
    max_inferences: int | None = None,
    max_steps: int | None = None,
    target_error: float | None = None,
    seed: int | None = None,
    data: str | Path | None = None,
    access: str | None = None,
    settings: Mapping[str, Any] | None = None,
    **keys: Any,
) -> RunConfig:
    """The configuration of a run: the problem's preset, and what is given here.

    What is given as an object in place of a name works as well, but a run folder cannot make it again: its
    config.toml says ``python:NAME``, and such a run cannot be resumed by the command.

    Args:
        problem: name of a PDE or a dataset, "file.py:Class", a `PDE` or its class, or a `Dataset`.
        chip: name of a design, a TOML file with one, "file.py:Name", a design, or an object or a class with
            `n_controls`, `control_groups` and `measure`; None takes the problem's.
        noise: preset, TOML file or `NoiseModel`; None takes "published", and nothing for a chip of one's own
            that takes none.
        optimizer: name, "file.py:Name", or a class or function that makes one; None takes "gauss-newton", or
            the problem's own for chips whose layers, or whose last layer, can be read.
        derivatives: name of a stencil rule, or "file.py:Name"; None takes the problem's.
        max_inferences: budget of optical inferences; None takes the problem's.
        max_steps: steps of the optimizer at most.
        target_error: validation error to stop at.
        seed: of training, and of the chip; 0 without one.
        data: folder of the files of a dataset that needs them.
        access: how far the chip is seen: "layers", "last-layer" (its readings while inputs pass, and the
            features), or "outputs"; None for as far as it offers.
        settings: any key of config.toml, dotted, such as ``{"optimizer.n_directions": 6}``.
        **keys: keys of config.toml without a dot, such as ``batch_size=200``.

    Raises:
        UsageError: an unknown name or key, or a value of the wrong type.
        DeviceError, TrainingError: a value out of range.
    """
    changes = {**keys, **(settings or {}), **({} if access is None else {"access": access})}
    # A name chosen by its key starts from the defaults of what it names.
    chosen = {
        key: changes.pop(f"{key}.name", None) if given is None else given
        for key, given in {"optimizer": optimizer, "derivatives": derivatives, "noise": noise}.items()
    }
    table = default_table(
        problem,
        chosen["optimizer"],
        chosen["derivatives"],
        chosen["noise"],
        chip,
        access=changes.get("access"),
        one_chip=changes.get("n_chips", 1) == 1,
    )
    table |= {key: value for key, value in (("seed", seed), ("data", _folder(data))) if value is not None}
    return with_limits(resolve(set_keys(table, changes)), max_inferences, max_steps, target_error)


def repeated(
    path: Path,
    problem: str | None,
    *,
    chip: Any = None,
    seed: int | None = None,
    data: str | Path | None = None,
    access: str | None = None,
    settings: Mapping[str, Any],
    **chosen: Any,
) -> RunConfig:
    """The configuration in a file, with changes.

    Args:
        path: a config.toml.
        problem: what it must be of; None for any.
        chip: another one, as of `configured`.
        seed: another one, of training.
        data: another folder.
        access: another one, as of `configured`.
        settings: other values, by dotted keys.
        **chosen: what a file has said already, and must be None.

    Raises:
        UsageError: another problem, something in `chosen`, or a file that cannot be used.
    """
    table = read_toml(path)
    if problem is not None and problem != table.get("problem"):
        raise UsageError(f"problem: {problem!r}; {path} is of {table.get('problem')!r}")
    given = [f"--{key}" for key, value in chosen.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]} with --config; allowed: --set for single keys")
    if chip is not None:
        table.pop("design", None)
        table |= chip_table(chip)
    said = (("seed", seed), ("data", _folder(data)), ("access", access))
    table |= {key: value for key, value in said if value is not None}
    return resolve(set_keys(table, settings))


def _folder(data: str | Path | None) -> str | None:
    return None if data is None else str(Path(data).absolute())


def run(
    config: RunConfig,
    *,
    out: str | Path | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callback | str] = (),
) -> Outcome:
    """Train as configured.

    Args:
        config: see `configured`.
        out: new run folder, written as the command does; None keeps everything in memory, and
            `Outcome.save` writes a folder later.
        threads: of the simulator, None for all processors; no effect on results.
        callbacks: called after every step: objects, names, or "file.py:Name". What they write is in `out`, or
            in the current folder.

    Raises:
        UsageError: parts that do not fit together, or a folder that holds a run.
        MeasurementError: an answer of the chip cannot be used.
    """
    parts = assemble(config, threads)
    if out is None:
        return train(parts, _called(callbacks, Path()))
    folder = new_folder(Path(out), config.task.label)
    return execute_in(parts, folder, callbacks=_called(callbacks, folder))


def _called(callbacks: Sequence[Callback | str], folder: Path) -> list[Callback]:
    return [make_callback(each, folder) if isinstance(each, str) else each for each in callbacks]


def resume(
    folder: str | Path,
    *,
    max_inferences: int | None = None,
    max_steps: int | None = None,
    target_error: float | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callback | str] = (),
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
    parts, path = assemble(config, threads), Path(folder)
    return execute_in(parts, path, resume=True, callbacks=_called(callbacks, path))

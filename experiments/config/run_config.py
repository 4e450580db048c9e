"""The configuration of a run: frozen dataclasses to and from TOML, unknown keys refused.

A new key is a field of `RunConfig`, or of the options of a kind of task; everything else follows from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from photonzero.experiments.config.chips import (
    CHIPS,
    ChipSource,
    SimulatedChip,
    chip_source,
    chip_table,
    read_design,
)
from photonzero.experiments.config.noise import UNKNOWN, NoiseChoice, noise_table
from photonzero.experiments.config.older import current
from photonzero.experiments.config.optimizers import OptimizerChoice
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import GIVEN, given_name
from photonzero.experiments.files.toml import from_table, merge, plain, reject_unknown
from photonzero.experiments.tasks.base import Task, TaskOptions
from photonzero.experiments.tasks.registry import KINDS, find_task
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.designs import design_names, get_design
from photonzero.registry import is_file_name, split_file_name
from photonzero.training.access import ACCESSES, Access, least
from photonzero.training.trainer import Limits

__all__ = ["RunConfig", "chip_table", "default_table", "noise_table", "read_design", "resolve", "with_limits"]

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Chips: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
MoreChips: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10_000)]

_USUAL_OPTIMIZER = "gauss-newton"
"""Where a preset names none for a chip's layers, or they cannot be read."""

_THROUGH_THE_LAST = {"layered-gauss-newton": "last-layer-gauss-newton"}
"""What reads layers one by one, and what does for it where only the last layer is shown. Where a preset has
no section for that, the other's holds with twice the inferences: layers but the last are seen through two
settings of those behind."""

_NO_KEYS = ("method", "layered", "derivatives", "derivative_options")
"""Keys of a preset that are none of a run's table."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on.

    Attributes:
        problem: name of the PDE or dataset, a user's class, "/path/to/file.py:Class", or an object of Python.
        chip: name of the design, "/path/to/file.py:Name" for a chip of one's own, or one of Python.
        noise: imperfections, and what they are called.
        optimizer: the method and its settings.
        own: keys of the kind of task; they stand beside the others in a file.
        batch_size: collocation points of a batch, or samples.
        limits: when to end; may be changed on resume.
        seed: of training; the chip is fabricated with it too unless `chip_seed` says otherwise.
        chip_seed: of fabrication and noise.
        frozen: groups of controls that stay where they start; patterns such as "*/bias".
        n_chips: chips of the same design that are trained with the same controls.
        n_held_out: further chips that the trained controls are tried on at the end.
        dtype: arithmetic of the simulator, "float32" or "float64".
        frozen_null: whether the error of frozen optics is measured at the end too; may be changed on resume.
        design: of the chip, where it is not one of the project's.
        access: how far the chip is seen; None for as far as it offers.
    """

    problem: Any
    chip: Any
    noise: NoiseChoice
    optimizer: OptimizerChoice
    own: TaskOptions
    batch_size: Count
    limits: Limits = field(default_factory=Limits)
    seed: Natural = 0
    chip_seed: Natural = 0
    frozen: tuple[str, ...] = ()
    n_chips: Chips = 1
    n_held_out: MoreChips = 0
    dtype: Literal["float32", "float64"] = "float32"
    frozen_null: bool = True
    design: NetworkDesign | None = None
    access: Access | None = None

    @cached_property
    def task(self) -> Task:
        """What is trained for."""
        return find_task(self.problem)

    @cached_property
    def source(self) -> ChipSource:
        """What the chips are made from."""
        if self.design is not None:
            return SimulatedChip(self.chip, self.design)
        return chip_source(self.chip)

    @property
    def seen(self) -> Access:
        """How far the light of the chip can be seen; as little as its files say before it is made."""
        return least(self.source.offers, self.access)

    @property
    def chip_name(self) -> str:
        """What the chip is called: a file's class without the folder."""
        return CHIPS.label(_named(self.chip)).removeprefix(GIVEN)

    @property
    def title(self) -> str:
        """What is run, in a line."""
        return f"{self.task.label} on {self.chip_name}, {self.noise.name} noise, {self.optimizer.label}"

    def network(self) -> NetworkDesign:
        """The design of the chip.

        Raises:
            UsageError: a chip of one's own, which has none.
        """
        if self.source.design is None:
            raise UsageError(f"chip {self.chip_name}: has no design; allowed: a simulated chip")
        return self.source.design

    def to_table(self) -> dict[str, Any]:
        """Nested dictionary, as the TOML file has it; None is left out."""
        table = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "own"}
        own = {f.name: getattr(self.own, f.name) for f in fields(self.own)}
        return plain({**table, **own, "problem": self.task.name, "chip": _named(self.chip)})

    def user_files(self) -> tuple[Path, ...]:
        """Python files of the user's that the run depends on."""
        rule = getattr(self.own, "derivatives", None)
        names = [self.task.name, _named(self.chip), self.optimizer.name, getattr(rule, "name", "")]
        names += () if self.design is None else self.design.user_files
        names += self.noise.model.own_parts or ()
        return tuple(dict.fromkeys(split_file_name(name)[0] for name in names if is_file_name(name)))

    def file_hashes(self) -> dict[str, str]:
        """SHA-256 of every file that the run depends on: the user's by path, data by name.

        Raises:
            UsageError: one is missing.
        """
        paths = {str(path): path for path in self.user_files()} | dict(self.task.data_files(self.own))
        try:
            return {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in paths.items()}
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error

    def fingerprint(self) -> str:
        """Hash of what training depends on but the limits: equal for runs that can continue each other."""
        table = self.to_table()
        del table["limits"], table["frozen_null"]
        text = json.dumps({**table, "files": self.file_hashes()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _named(thing: Any) -> str:
    """The name of what a table holds: a file with its absolute path, an object by its class."""
    if not isinstance(thing, str):
        return given_name(thing)
    if not is_file_name(thing):
        return thing
    path, name = split_file_name(thing)
    return f"{path.resolve()}:{name}" if name else str(path.resolve())


def default_table(
    problem: Any,
    optimizer: Any = None,
    derivatives: Any = None,
    noise: Any = None,
    chip: Any = None,
    *,
    access: Any = None,
    one_chip: bool = True,
) -> dict[str, Any]:
    """The table of a run where nothing else is said: the preset of a problem and a method.

    Args:
        problem: name, "file.py:Class", or an object of Python.
        optimizer: the same; None for the preset's ``layered`` where the layers of the chip can be read and no
            stencil rule is asked for, which it would not measure; for what does it through the last layer
            where only that is shown; and "gauss-newton" elsewhere.
        derivatives: the same of a stencil rule, None for the problem's own.
        noise: preset, TOML file, or a noise model; None for "published" where the chip is a simulated one.
        chip: name, TOML file, "file.py:Name", or an object of Python; None for the problem's own.
        access: how far the chip is seen; None for as far as it offers.
        one_chip: several are not read layer by layer.

    Raises:
        UsageError: an unknown problem or chip, or no chip that fits.
        TrainingError: an unknown optimizer or rule.
        DeviceError: unknown noise.
    """
    task = find_task(problem)
    preset = task.preset()
    chosen = chip_table(preset.get("chip") or _fitting_chip(task) if chip is None else chip)
    if noise is None:
        noise = "published" if "design" in chosen else chip_source(chosen["chip"]).usual_noise
    if optimizer is None:
        if "design" in chosen:
            design = chip if isinstance(chip, NetworkDesign) else read_design(str(chip))
            source = SimulatedChip(chosen["chip"], design)
        else:
            source = chip_source(chosen["chip"])
        layered, seen = preset.get("layered", _USUAL_OPTIMIZER), "outputs"
        if one_chip and derivatives is None:
            seen = least(source.offers, access if access in ACCESSES else None)
        through = _THROUGH_THE_LAST.get(layered, _USUAL_OPTIMIZER)
        optimizer = {"layers": layered, "last-layer": through, "outputs": _USUAL_OPTIMIZER}[seen]
    table: dict[str, Any] = {
        "seed": 0,
        **{key: value for key, value in preset.items() if key not in _NO_KEYS},
        **task.defaults(preset, derivatives),
        "problem": problem,
        "noise": noise_table(noise) if isinstance(noise, str) and noise != UNKNOWN else {"name": UNKNOWN},
        "optimizer": {"name": optimizer},
    }
    if not isinstance(noise, str):
        table["noise"] = noise
    changes = _of_method(preset.get("method", {}), optimizer) if isinstance(optimizer, str) else {}
    return {**merge(table, changes), **chosen}


def _of_method(sections: Mapping[str, Any], optimizer: str) -> Mapping[str, Any]:
    """What a preset changes for a method."""
    for layered, through in _THROUGH_THE_LAST.items():
        if optimizer == through and optimizer not in sections and layered in sections:
            own = sections[layered]
            budget = own.get("limits", {}).get("max_inferences")
            return own if budget is None else merge(own, {"limits": {"max_inferences": 2 * budget}})
    return sections.get(optimizer, {})


def _fitting_chip(task: Task) -> str:
    """The first design that has a task's inputs and outputs."""
    if task.sizes is None:
        raise UsageError(f"chip: none given for {task.label}; allowed: one with its inputs and outputs")
    for name in design_names():
        design = get_design(name)
        if (design.n_in, design.n_out) == task.sizes:
            return name
    raise UsageError(
        f"{task.label}: {task.sizes[0]} coordinates and {task.sizes[1]} outputs; no chip has these "
        "(`photonzero list chips`); allowed: --chip FILE.toml with a design of your own"
    )


def resolve(table: Mapping[str, Any]) -> RunConfig:
    """A configuration from a complete nested dictionary.

    Raises:
        UsageError: an unknown key, a missing one or a wrong type, or a file that has changed since.
        DeviceError, TrainingError: a value out of range.
    """
    said = current(table)
    recorded = said.pop("files", {})
    if "problem" not in said:
        raise UsageError("configuration: problem is missing")
    task = find_task(said["problem"])
    own = {f.name for f in fields(task.options)}
    common = {f.name for f in fields(RunConfig)} - {"own"}
    for kind in map(KINDS.get, KINDS):
        for key in said.keys() & {f.name for f in fields(kind.options)} - own:
            raise UsageError(f"configuration: {key} for {task.name}; allowed with: {', '.join(kind.known())}")
    reject_unknown(said, own | common, "")
    options = from_table(task.options, {key: value for key, value in said.items() if key in own}, "")
    rest = {key: value for key, value in said.items() if key in common}
    rest.setdefault("chip_seed", rest.get("seed", 0))
    config = from_table(RunConfig, {**rest, "own": options}, "")
    _check_chip(config)
    for key, found in config.file_hashes().items() if recorded else ():
        if recorded.get(key, found) != found:
            raise UsageError(
                f"{key}: has changed since the run began; allowed: as it was then, as in sources/ of the run"
            )
    return config


def _check_chip(config: RunConfig) -> None:
    """Refuse to ask a chip of one's own for what it does not take."""
    source, name = config.source, config.chip_name
    takes = source.takes
    if "noise" not in takes and config.noise.name != UNKNOWN and config.noise.model != source.usual_noise:
        raise UsageError(f"noise: {config.noise.name!r} for chip {name}, which takes none; allowed: none")
    if "seed" not in takes and (config.n_chips > 1 or config.n_held_out > 0):
        raise UsageError(f"n_chips and n_held_out with chip {name}, which takes no seed; allowed: one chip")


def with_limits(
    config: RunConfig,
    max_inferences: int | None,
    max_steps: int | None,
    target_error: float | None,
) -> RunConfig:
    """The same run with other limits; None keeps one as it is."""
    changes: dict[str, Any] = {
        "max_inferences": max_inferences,
        "max_steps": max_steps,
        "target_error": target_error,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(config, limits=replace(config.limits, **given))

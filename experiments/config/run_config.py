"""The configuration of a run: frozen dataclasses to and from TOML, unknown keys refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.config.dropped import with_dropped, without_dropped
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import (
    build,
    merge,
    read_toml,
    reject_unknown,
    require_integer,
    require_known,
    section,
    without_none,
)
from photonzero.experiments.tasks.datasets import DATASETS
from photonzero.photonics.design import NetworkDesign, modern_design
from photonzero.photonics.designs import design_names, get_design
from photonzero.registry import is_file_name
from photonzero.training.classification import BatchOptions
from photonzero.training.objective import PointOptions
from photonzero.training.optimizers import get_method, optimizer_names
from photonzero.training.problems import PROBLEMS, get_problem
from photonzero.training.stencils import RULES, rule_options
from photonzero.training.trainer import Limits


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on.

    Attributes:
        problem: name of the PDE, or a user's class, "/path/to/file.py:Class".
        chip: name of the design.
        data: folder of the files of a dataset that needs them; None takes the environment's.
        own_design: the design, where it is not one of the project's.
        noise_name: preset or file that `noise` came from.
        noise: imperfections.
        optimizer: name of the method.
        optimizer_options: its settings, the dataclass that its method names.
        derivatives: name of the stencil rule.
        derivative_options: its settings.
        batch_size: collocation points of a batch.
        seed: of training; the chip is fabricated with it too unless `chip_seed` says otherwise.
        chip_seed: of fabrication and noise.
        frozen: groups of controls that stay where they start; patterns such as "*/bias".
        n_chips: chips of the same design that are trained with the same controls.
        n_held_out: further chips that the trained controls are tried on at the end.
        dtype: arithmetic of the simulator, "float32" or "float64".
        points: where the PDE is measured, and what counts how much.
        batches: which samples of a dataset a batch takes.
        limits: when to end; may be changed on resume.
    """

    problem: str
    chip: str
    noise_name: str
    noise: NoiseModel
    optimizer: str
    optimizer_options: Any
    derivatives: str
    derivative_options: Mapping[str, Any]
    batch_size: int
    seed: int
    chip_seed: int
    dtype: str = "float32"
    points: PointOptions = field(default_factory=PointOptions)
    batches: BatchOptions = field(default_factory=BatchOptions)
    limits: Limits = field(default_factory=Limits)
    own_design: NetworkDesign | None = None
    frozen: tuple[str, ...] = ()
    n_chips: int = 1
    n_held_out: int = 0
    data: str | None = None

    @property
    def design(self) -> NetworkDesign:
        """The design of the chip."""
        return self.own_design or get_design(self.chip)

    def to_table(self) -> dict[str, Any]:
        """Nested dictionary, as the TOML file has it; None is left out."""
        table = {
            "problem": self.problem,
            "chip": self.chip,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "chip_seed": self.chip_seed,
            "dtype": self.dtype,
            "data": self.data,
            "frozen": list(self.frozen),
            "n_chips": self.n_chips,
            "n_held_out": self.n_held_out,
            "noise": {"name": self.noise_name, **asdict(self.noise)},
            "optimizer": {"name": self.optimizer, **asdict(self.optimizer_options)},
            "limits": asdict(self.limits),
        }
        if self.problem in DATASETS:
            table["batches"] = asdict(self.batches)
        else:
            table["points"] = asdict(self.points)
            table["derivatives"] = {"name": self.derivatives, **self.derivative_options}
        if self.own_design is not None:
            table["design"] = asdict(self.own_design)
        return without_none(table)

    def fingerprint(self) -> str:
        """Hash of everything but the limits: equal for runs that can continue each other."""
        table = self.to_table()
        del table["limits"]
        named = {"problem": (PROBLEMS, self.problem), "derivatives": (RULES, self.derivatives)}
        for key, (registry, name) in named.items():
            if (content := registry.fingerprint(name)) is not None:
                table[f"{key}_file"] = content
        # As it was when these options were there: older checkpoints stay those of the same run.
        text = json.dumps(with_dropped(table), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def default_table(problem: str, optimizer: str, derivatives: str | None, noise: str) -> dict[str, Any]:
    """The defaults of a problem and a method, as a nested dictionary.

    Args:
        problem: name.
        optimizer: name.
        derivatives: name of the stencil rule, None for the problem's own.
        noise: preset or TOML file.

    Raises:
        UsageError: an unknown problem, optimizer or rule.
        DeviceError: unknown noise.
    """
    problem = known_problem(problem)
    require_known("optimizer", optimizer, optimizer_names())
    preset = problem_preset(problem)
    table = {
        "problem": problem,
        "chip": preset["chip"],
        "batch_size": preset["batch_size"],
        "seed": 0,
        "dtype": preset.get("dtype", "float32"),
        "noise": noise_table(noise),
        "optimizer": {"name": optimizer, **asdict(get_method(optimizer).options())},
        "limits": dict(preset["limits"]),
    }
    if problem in DATASETS:
        if derivatives is not None:
            raise UsageError(f"derivatives: {derivatives!r} for {problem}; allowed: none, it has no PDE")
        table["batches"] = {**asdict(BatchOptions()), **preset.get("batches", {})}
    else:
        rule = RULES.resolved(derivatives or preset.get("derivatives", "central"))
        own = preset.get("derivative_options", {}).get(rule, {})
        table["derivatives"] = {"name": rule, **rule_options(rule), **own}
        table["points"] = {**asdict(PointOptions()), **preset.get("points", {})}
    return without_none(merge(table, preset.get("method", {}).get(optimizer, {})))


def problem_preset(problem: str) -> Mapping[str, Any]:
    """What a problem starts from: presets/PROBLEM.toml of this package over presets/common.toml.

    Keys: chip, batch_size, dtype, derivatives (the default rule), points, limits, derivative_options.RULE,
    and method.OPTIMIZER with changes to the run's table for one optimizer. Another's problem starts from
    common.toml and from what it suggests itself; without a suggestion it gets the first chip that fits it.

    Raises:
        UsageError: no chip fits a user's problem.
    """
    folder = files("photonzero") / "experiments" / "config" / "presets"

    def read(name: str) -> dict[str, Any]:
        return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))

    if problem in PROBLEMS.builtin or problem in DATASETS:
        return merge(read("common"), read(problem))
    suggested = get_problem(problem).suggestions()
    if "chip" not in suggested:
        suggested["chip"] = _fitting_chip(problem)
    return merge(read("common"), suggested)


def _fitting_chip(problem: str) -> str:
    own = get_problem(problem)
    for name in design_names():
        design = get_design(name)
        if (design.n_in, design.n_out) == (own.dim, own.n_outputs):
            return name
    raise UsageError(
        f"{own.name}: {own.dim} coordinates and {own.n_outputs} outputs; no chip has these "
        "(`photonzero list` shows them)"
    )


def known_problem(problem: Any) -> str:
    """A problem's name as a configuration holds it; a user's file with its absolute path.

    Raises:
        UsageError: unknown.
        ProblemError: a file that cannot be read.
    """
    if isinstance(problem, str) and (problem in PROBLEMS or is_file_name(problem)):
        return PROBLEMS.resolved(problem)
    require_known("problem", problem, (*PROBLEMS, *DATASETS, "file.py:Class"))
    return problem


def problem_label(problem: str) -> str:
    """A short name of a problem, for folders: that of the class for a user's file."""
    return problem if problem in DATASETS else PROBLEMS.label(problem)


def chip_table(chip: str) -> dict[str, Any]:
    """The entries of a run's table for a design: its name, or the content of a TOML file.

    Raises:
        UsageError: a file that cannot be read.
    """
    if not chip.endswith(".toml"):
        return {"chip": chip}
    path = Path(chip)
    return {"chip": path.stem, "design": {"description": chip, **read_toml(path), "name": path.stem}}


def read_design(chip: str) -> NetworkDesign:
    """The design of that name, or in that TOML file.

    Raises:
        UsageError: a file that cannot be read or is no design.
        PhotonicsError: an unknown name.
    """
    table = chip_table(chip)
    if "design" not in table:
        return get_design(chip)
    return build(NetworkDesign, modern_design(table["design"]), "design.")


def noise_table(noise: str) -> dict[str, Any]:
    """A noise preset or TOML file as a nested dictionary with its name.

    A file may start from a preset with ``base = "published"`` and change what it names.

    Raises:
        DeviceError: an unknown preset.
        UsageError: a file that cannot be read.
    """
    if not noise.endswith(".toml"):
        return {"name": noise, **without_none(asdict(preset(noise)))}
    table = read_toml(Path(noise))
    base = table.pop("base", "ideal")
    if not isinstance(base, str):
        raise UsageError(f"{noise}: base = {base!r}; allowed: the name of a preset")
    start = without_none(asdict(preset(base)))
    if "voltage_quantizer" in table:
        # Two grids for one DAC make no sense: the file's replaces the preset's.
        start.pop("phase_quantizer", None)
    return {"name": noise, **merge(start, table)}


def resolve(table: Mapping[str, Any]) -> RunConfig:
    """A configuration from a complete nested dictionary.

    Raises:
        UsageError: an unknown key, a missing one or a wrong type.
        DeviceError, ArgumentError: a value out of range.
    """
    allowed = {
        "problem",
        "chip",
        "design",
        "batch_size",
        "seed",
        "chip_seed",
        "dtype",
        "points",
        "batches",
        "data",
        "frozen",
        "n_chips",
        "n_held_out",
        "noise",
        "optimizer",
        "derivatives",
        "limits",
    }
    table = without_dropped(table)
    reject_unknown(table, allowed, "")
    if "problem" not in table:
        raise UsageError("configuration: problem is missing")
    problem = known_problem(table["problem"])
    optional = {"design", "chip_seed", "points", "batches", "data", "frozen", "n_chips", "n_held_out"}
    if problem in DATASETS:
        for key in ("derivatives", "points"):
            if key in table:
                raise UsageError(f"configuration: {key} for {problem}; allowed: none, it has no PDE")
        optional.add("derivatives")
        table = {**table, "derivatives": {}}
    else:
        for key in ("data", "batches"):
            if key in table:
                raise UsageError(f"configuration: {key} for {problem}; allowed with: {', '.join(DATASETS)}")
    for key in allowed - optional:
        if key not in table:
            raise UsageError(f"configuration: {key} is missing")
    sections = {key: dict(section(table, key)) for key in ("noise", "optimizer", "derivatives", "limits")}
    names = {key: str(sections[key].pop("name", "")) for key in ("noise", "optimizer", "derivatives")}
    own_design = None
    if "design" in table:
        own_design = build(NetworkDesign, modern_design(section(table, "design")), "design.")
    else:
        require_known("chip", table["chip"], design_names())
    require_known("optimizer", names["optimizer"], optimizer_names())
    require_known("dtype", table["dtype"], ("float32", "float64"))
    if problem in DATASETS:
        names["derivatives"] = "none"
    else:
        names["derivatives"] = RULES.resolved(names["derivatives"])
        reject_unknown(sections["derivatives"], set(rule_options(names["derivatives"])), "derivatives.")
    seed = require_integer(table["seed"], "seed", 0)
    n_chips = require_integer(table.get("n_chips", 1), "n_chips", 1)
    return RunConfig(
        problem=problem,
        chip=table["chip"],
        own_design=own_design,
        noise_name=names["noise"],
        noise=build(NoiseModel, sections["noise"], "noise."),
        optimizer=names["optimizer"],
        optimizer_options=build(get_method(names["optimizer"]).options, sections["optimizer"], "optimizer."),
        derivatives=names["derivatives"],
        derivative_options=sections["derivatives"],
        batch_size=require_integer(table["batch_size"], "batch_size", 1),
        seed=seed,
        chip_seed=require_integer(table.get("chip_seed", seed), "chip_seed", 0),
        frozen=_patterns(table.get("frozen", [])),
        n_chips=n_chips,
        n_held_out=require_integer(table.get("n_held_out", 0), "n_held_out", 0),
        dtype=table["dtype"],
        data=None if table.get("data") is None else str(table["data"]),
        batches=build(BatchOptions, dict(section({"batches": {}, **table}, "batches")), "batches."),
        points=build(PointOptions, dict(section({"points": {}, **table}, "points")), "points."),
        limits=build(Limits, sections["limits"], "limits."),
    )


def _patterns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(pattern, str) for pattern in value):
        raise UsageError(f"frozen: {value!r}; allowed: a list of groups, such as ['*/bias']")
    return tuple(value)


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

"""A study with all its values: from TOML and ``--set``, with a fingerprint, enumerated as units."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import apply_settings, from_table, parse_value
from photonzero.experiments.sweep.study import Axis, Sample, Study
from photonzero.registry import file_hash, is_file_name

_RANGE_KEYS = {"from", "to", "count", "scale"}
_MAX_SAMPLES = 10_000_000


@runtime_checkable
class FileOptions(Protocol):
    """Options that name a user's file."""

    def content_hash(self) -> str:
        """Hash of the file; a constant without one."""
        ...

    def fixed_axes(self, grid: Mapping[str, Any]) -> Mapping[str, Any]:
        """Axes whose values the file says, with them; `grid` as it is without."""
        ...


@dataclass(frozen=True, eq=False)
class Plan:
    """One study with every value fixed.

    Attributes:
        study: its kind.
        grid: values of every axis, in the order of the study's axes.
        chips: fabricated chips.
        seeds: repetitions on each of them.
        root_seed: of all randomness.
        options: of the study.
        name: what its file calls the study: its name, or ``file.py:NAME``.
        base: the study as it was before a table gave it axes of its own.
        finder: gives the study of that name to whoever has the plan's text alone, such as a worker in another
            process; None for a study that exists in this process only.
    """

    study: Study
    grid: Mapping[str, tuple[Any, ...]]
    chips: int
    seeds: int
    root_seed: int
    options: Any
    name: str
    base: Study
    finder: Callable[[str], Study] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Plans travel as text, and a worker works one out once."""
        return _worked_out, (self.finder, self.text)

    def like(self, table: Mapping[str, Any]) -> Plan:
        """A plan of the same study with the values of another table.

        Raises:
            UsageError: see `resolve_plan`.
        """
        return resolve_plan(self.base, table, finder=self.finder)

    def to_table(self) -> dict[str, Any]:
        """As a TOML file has it; `resolve_plan` takes it back."""
        repeats = {"chips": self.chips, "seeds": self.seeds, "root_seed": self.root_seed}
        return {
            "study": self.name,
            **(repeats if self.study.repeated else {}),
            "grid": {key: list(values) for key, values in self.grid.items()},
            "options": {k: _plain(v) for k, v in asdict(self.options).items() if v is not None},
        }

    @cached_property
    def text(self) -> str:
        """The table in one canonical line."""
        return json.dumps(self.to_table(), sort_keys=True)

    @cached_property
    def digest(self) -> str:
        """Hash of the table, wherever the study's file is."""
        table = {**self.to_table(), "study": self.study.name}
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that a row depends on: the table, and the content of a user's files."""
        files = self.study.content(self)
        if is_file_name(self.name):
            files += file_hash(self.name)
        if not files:
            return self._with_options
        return hashlib.sha256(f"{self._with_options}{files}".encode()).hexdigest()

    @cached_property
    def preparation(self) -> str:
        """What the fingerprint is to a whole table, this is to what its samples share.

        In a study whose results are kept by what they depend on, more values of an axis do not change it.
        """
        if self.study.key is None:
            return self.fingerprint
        text = json.dumps([self.study.name, self.to_table()["options"], self.study.content(self)])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def _with_options(self) -> str:
        if not isinstance(self.options, FileOptions):
            return self.digest
        return hashlib.sha256(f"{self.text}{self.options.content_hash()}".encode()).hexdigest()

    @cached_property
    def settings(self) -> list[dict[str, Any]]:
        """Points of the grid, the last axis fastest."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())
        ]

    @property
    def n_samples(self) -> int:
        """Rows of the finished table."""
        return len(self.settings) * self.chips * self.seeds

    @property
    def size_text(self) -> str:
        """How many samples, in words."""
        if not self.study.repeated:
            return f"{self.n_samples:,} samples"
        settings, chips, seeds = len(self.settings), self.chips, self.seeds
        return f"{settings:,} settings x {chips} chips x {seeds} seeds = {self.n_samples:,} samples"

    @property
    def varied(self) -> list[str]:
        """Axes with several values, but for the seed of a study that has an axis of it."""
        return [name for name, values in self.grid.items() if len(values) > 1 and name != "seed"]

    @property
    def unit_size(self) -> int:
        """Samples that are measured together."""
        return len(self.grid[self.study.axes[-1].name]) if self.study.scanned else 1

    @property
    def n_units(self) -> int:
        """Units of work."""
        return self.n_samples // self.unit_size

    def unit_indices(self, unit: int) -> list[int]:
        """Places in the table of the samples of a unit."""
        outer, rest = divmod(unit, self.chips * self.seeds)
        first = outer * self.unit_size * self.chips * self.seeds + rest
        return [first + k * self.chips * self.seeds for k in range(self.unit_size)]

    def unit(self, unit: int, scratch: Path | None = None) -> list[Sample]:
        """Samples of a unit: one, or all values of the last axis on one chip; `scratch` is their folder."""
        return [self.sample(index, scratch) for index in self.unit_indices(unit)]

    def sample(self, index: int, scratch: Path | None = None) -> Sample:
        """The sample of a row."""
        setting, rest = divmod(index, self.chips * self.seeds)
        chip, seed = divmod(rest, self.seeds)
        sample = Sample(index, self.settings[setting], chip, seed, self)
        if scratch is None or self.study.key is None:
            return sample
        return replace(sample, scratch=scratch / f"{self.study.key(sample)}.checkpoint.npz")


@lru_cache(maxsize=4)
def _worked_out(finder: Callable[[str], Study], text: str) -> Plan:
    table = json.loads(text)
    return resolve_plan(finder(table["study"]), table, finder=finder)


def resolve_plan(
    study: Study,
    table: Mapping[str, Any] = MappingProxyType({}),
    settings: Sequence[str] = (),
    *,
    quick: bool = False,
    finder: Callable[[str], Study] | None = None,
) -> Plan:
    """A plan from a (partial) nested dictionary; what is missing takes the study's default.

    Args:
        study: its kind.
        table: keys study, chips, seeds, root_seed, grid, options.
        settings: ``key=value`` texts of the command; an axis or an option needs no section in front.
        quick: start from the study's short version.
        finder: see `Plan`.

    Raises:
        UsageError: an unknown key, a value of a wrong type or out of range.
    """
    base, name = study, table.get("study", study.name)
    start = _defaults(study, quick)
    full = _overlay(start, table)
    if study.axis_of is None:
        full = apply_settings(full, [_with_section(study, text) for text in settings])
    else:
        study, full = _with_own_axes(study, full, settings)
    own = (*(axis.name for axis in study.axes), *_option_names(study))
    _known_keys("study", full, tuple(start), own)
    if full["study"] != name:
        raise UsageError(f"study: {full['study']!r} by --set; allowed: {name}")
    for key in ("grid", "options"):
        if not isinstance(full[key], Mapping):
            raise UsageError(f"{key}: {full[key]!r}; allowed: a section [{key}]")
    _known_keys("grid", full["grid"], tuple(axis.name for axis in study.axes))
    options = from_table(study.options, full["options"], "options.")
    fixed = options.fixed_axes(full["grid"]) if isinstance(options, FileOptions) else {}
    grid = {**full["grid"], **fixed}
    plan = Plan(
        study=study,
        grid={axis.name: _values(axis, grid[axis.name]) for axis in study.axes},
        chips=_count("chips", full.get("chips", 1), 1),
        seeds=_count("seeds", full.get("seeds", 1), 1),
        root_seed=_count("root_seed", full.get("root_seed", 0), 0),
        options=options,
        name=name,
        base=base,
        finder=finder,
    )
    if plan.n_samples > _MAX_SAMPLES:
        raise UsageError(f"study: {plan.n_samples:,} samples; allowed: at most {_MAX_SAMPLES:,}")
    study.check(plan)
    return plan


def _defaults(study: Study, quick: bool) -> dict[str, Any]:
    """The study's own values as a table with sections."""
    repeats = {"chips": 1, "seeds": 1, "root_seed": 0} if study.repeated else {}
    table: dict[str, Any] = {"study": study.name, **repeats, "grid": {}, "options": {}}
    axes, options = {axis.name for axis in study.axes}, _option_names(study)
    for values in (study.defaults, study.quick if quick else {}):
        for key, value in values.items():
            own = key in axes or (study.axis_of is not None and key not in options)
            place = table if key in table else table["grid" if own else "options"]
            place[key] = value
    return table


def _overlay(start: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    full = {**start, **table}
    for key in ("grid", "options"):
        if isinstance(full[key], Mapping):
            # One level only: the table of a range replaces a list of values as a whole.
            full[key] = {**start[key], **full[key]}
    return full


def _with_own_axes(
    study: Study, table: dict[str, Any], settings: Sequence[str]
) -> tuple[Study, dict[str, Any]]:
    """A study of any key with the axes that a table and ``key=value`` texts name, and the table with them.

    The study's own axes come first, but for its last one, along which the table changes fastest; the others
    stand between them by name, so that the table alone says the order.
    """
    assert study.axis_of is not None
    options = _option_names(study)
    grid, rest = dict(_flat(table["grid"])), []
    for text in settings:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or key in options or key.partition(".")[0] in table:
            rest.append(_with_section(study, text))
        else:
            grid[key] = parse_value(value)
    known = {axis.name for axis in study.axes}
    found = [study.axis_of(key, grid[key]) for key in sorted(grid.keys() - known)]
    axes = (*study.axes[:-1], *found, study.axes[-1])
    return replace(study, axes=axes), apply_settings({**table, "grid": grid}, rest)


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables; that of a range is a value."""
    for key, value in table.items():
        if isinstance(value, Mapping) and not value.keys() <= _RANGE_KEYS:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _with_section(study: Study, setting: str) -> str:
    """``sigma_phase_rad=0.1`` means ``grid.sigma_phase_rad=0.1``."""
    key = setting.partition("=")[0].strip()
    if key in {axis.name for axis in study.axes}:
        return f"grid.{setting}"
    return f"options.{setting}" if key in _option_names(study) else setting


def _option_names(study: Study) -> tuple[str, ...]:
    return tuple(getattr(study.options, "__dataclass_fields__", ()))


def _known_keys(
    where: str, table: Mapping[str, Any], allowed: tuple[str, ...], also: tuple[str, ...] = ()
) -> None:
    """Refuse keys that nobody reads; `also` are those of its sections, which need no section in front."""
    for key in table:
        if key not in allowed:
            raise UsageError(f"{where}: unknown key {key}; allowed: {', '.join((*allowed, *also))}")


def _count(name: str, value: Any, low: int) -> int:
    return Axis(name, name, "int", low, 2**31 - 1).check(value)


def _values(axis: Axis, given: Any) -> tuple[Any, ...]:
    """A single value, a list of values, or a range {from, to, count, scale}."""
    if isinstance(given, Mapping):
        given = _range(axis, given)
    values = tuple(axis.check(value) for value in (given if isinstance(given, list | tuple) else [given]))
    if not values or len(set(values)) < len(values):
        raise UsageError(f"{axis.name}: {given!r}; allowed: at least one value, none twice")
    return values


def _range(axis: Axis, given: Mapping[str, Any]) -> list[float]:
    _known_keys(axis.name, given, tuple(sorted(_RANGE_KEYS)))
    count = Axis(f"{axis.name}.count", "", "int", 2, _MAX_SAMPLES).check(given.get("count"))
    start, stop = (Axis(f"{axis.name}.{key}", "").check(given.get(key)) for key in ("from", "to"))
    scale = given.get("scale", "linear")
    if axis.kind != "float" or scale not in ("linear", "log") or (scale == "log" and min(start, stop) <= 0):
        raise UsageError(
            f"{axis.name}: {dict(given)!r}; allowed: from, to (> 0 for log), count, scale linear or log"
        )
    points = np.geomspace(start, stop, count) if scale == "log" else np.linspace(start, stop, count)
    # Six digits: the values are written in tables and on axes.
    return [float(f"{value:.6g}") for value in points]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

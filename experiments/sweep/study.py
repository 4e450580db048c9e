"""What a study is: axes, measured columns, a function that measures, a function that draws."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.registry import Registry, is_file_name
from photonzero.training.oracle import Array

if TYPE_CHECKING:
    from photonzero.experiments.sweep.plan import Plan

Row = dict[str, Any]

KEPT = "kept"
"""Key of a row under which a sample hands over arrays that are kept beside the table, such as a history."""

_LARGEST, _LARGEST_INTEGER = 1e30, 2**62
"""Values of an axis that has no limit of its own: what is computed of them is finite, and fits the table."""


@dataclass(frozen=True)
class Axis:
    """One quantity that a study varies.

    Attributes:
        name: column of the table and key of ``[grid]``, with its unit: "sigma_phase_rad".
        label: on figures, with its unit.
        kind: of the values.
        low: smallest number allowed.
        high: largest number allowed.
        choices: what text may be; without any, whatever one likes.
        registry: whose things text names, so that one in a file of the user's is a choice too.
    """

    name: str
    label: str
    kind: Literal["float", "int", "text", "any"] = "float"
    low: float = 0.0
    high: float = math.inf
    choices: tuple[str, ...] = ()
    registry: Registry[Any] | None = None

    def check(self, value: Any) -> Any:
        """A value as the table holds it.

        Raises:
            UsageError: of another kind or out of range.
            Exception: of the registry's type: a file that cannot be used.
        """
        if self.kind == "any":
            return _hashable(value)
        if self.kind == "text":
            if self.registry is not None and isinstance(value, str) and is_file_name(value):
                self.registry.get(value)
                return self.registry.resolved(value)
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise UsageError(f"{self.name}: {value!r}; allowed: {', '.join(self.choices) or 'text'}")
            return value
        kinds = (int,) if self.kind == "int" else (int, float)
        # NaN fails every comparison.
        valid = isinstance(value, kinds) and not isinstance(value, bool)
        largest = _LARGEST_INTEGER if self.kind == "int" else _LARGEST
        if not valid or not max(self.low, -largest) <= value <= min(self.high, largest):
            what = "whole numbers" if self.kind == "int" else "numbers"
            limit = f"{self.low:g} to {self.high:g}" if math.isfinite(self.high) else f">= {self.low:g}"
            raise UsageError(f"{self.name}: {value!r}; allowed: {what} {limit}")
        return int(value) if self.kind == "int" else float(value)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(part) for part in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Measured:
    """One measured column of the table.

    Attributes:
        name: of the column, with its unit.
        label: on figures and in reports.
        kind: of the values.
    """

    name: str
    label: str
    kind: Literal["float", "int"] = "float"


@dataclass(frozen=True)
class Sample:
    """One row to be measured: a setting, on one chip, with one seed.

    Attributes:
        index: place of its row in the finished table.
        setting: a value for each axis.
        chip: number of the fabricated chip. The same number is the same die in every setting: its
            errors are drawn alike and scaled by what the setting says.
        seed: number of the repetition on that chip.
        plan: the study it belongs to.
        scratch: file in which the sample may keep how far it is, so that it goes on there after an
            interruption; None where it is measured on another machine.
    """

    index: int
    setting: Mapping[str, Any]
    chip: int
    seed: int
    plan: Plan = field(repr=False)
    scratch: Path | None = field(default=None, repr=False)

    @property
    def options(self) -> Any:
        """Options of the study, the dataclass that it names."""
        return self.plan.options

    def chip_sequence(self, role: str) -> np.random.SeedSequence:
        """Randomness of the chip in one role ("errors", "target"): the same in every setting."""
        return np.random.SeedSequence(
            [self.plan.root_seed, zlib.crc32(role.encode())], spawn_key=(self.chip,)
        )

    def chip_rng(self, role: str) -> np.random.Generator:
        """A generator of `chip_sequence`."""
        return np.random.default_rng(self.chip_sequence(role))

    @property
    def chip_seed(self) -> int:
        """Seed to fabricate the chip with."""
        return int(self.chip_sequence("fabrication").generate_state(1)[0])

    def rng(self) -> np.random.Generator:
        """Randomness of this one sample: of study, setting, chip and seed."""
        entropy = [self.plan.root_seed, int(self.plan.digest[:16], 16)]
        key = (self.index // (self.plan.chips * self.plan.seeds), self.chip, self.seed)
        return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))


@dataclass(frozen=True)
class Drawing:
    """One figure of a study.

    Attributes:
        name: of the files figures/NAME.png, .pdf and .csv.
        caption: what it shows, with everything a reader needs.
    """

    name: str
    caption: str


@dataclass(frozen=True)
class NoOptions:
    """A study without options."""


Prepared = Mapping[str, Mapping[str, Array]]
"""What all samples share, by name: such as a trained network's controls."""


@dataclass(frozen=True, eq=False)
class Study:
    """A kind of study; a `Plan` is one of them with all its values.

    Attributes:
        name: what the command calls it.
        summary: one line.
        axes: what it varies, slowest first; a row a point of their product.
        defaults: values of every axis, and ``chips`` and ``seeds`` where they are not 1.
        quick: what ``--quick`` changes in them, and in the options.
        measured: columns that a sample fills.
        measure: from the samples of one unit, and what was prepared, to one row each: values of the
            measured columns, and for a study with `key` under KEPT arrays to keep beside the table. It must
            depend on nothing else.
        draw: from all finished rows to the figures in a folder.
        options: dataclass of everything else that can be set.
        scanned: whether samples that differ in the last axis only are measured together, as one unit.
        load: what all samples share and is at hand, such as a user's file; called in the main
            process, so that no worker needs the file.
        preparations: names of what has to be made first, by workers, and is kept.
        prepare: makes one of them.
        repeated: whether a setting is measured on `chips` chips with `seeds` seeds each; False for a study
            whose settings say the seed, a row each, and whose table has no column of chip and seed.
        axis_of: the axis of a key and its values, in a study that may vary more keys than `axes` names.
        content: hash of a user's files that a plan names, apart from those of its options.
        check: refuses what measuring could not use, before anything is written.
        printed: from the plan, all rows that did not fail and the folder to what the terminal shows, which
            is medians if it is not given.
        key: by what a sample's result is kept in its folder: a hash of all that it depends on. It is taken
            from there when the study is measured in the same folder with more values, or other ones.
    """

    name: str
    summary: str
    axes: tuple[Axis, ...]
    defaults: Mapping[str, Any]
    measured: tuple[Measured, ...]
    measure: Callable[[Sequence[Sample], Prepared], list[Row]]
    draw: Callable[[Plan, list[Row], Path], list[Drawing]]
    quick: Mapping[str, Any] = field(default_factory=dict)
    options: type = NoOptions
    scanned: bool = False
    load: Callable[[Plan], Prepared] = lambda plan: {}
    preparations: Callable[[Plan], tuple[str, ...]] = lambda plan: ()
    prepare: Callable[[Plan, str], Mapping[str, Array]] = lambda plan, name: {}
    repeated: bool = True
    axis_of: Callable[[str, Any], Axis] | None = None
    content: Callable[[Plan], str] = lambda plan: ""
    check: Callable[[Plan], None] = lambda plan: None
    printed: Callable[[Plan, list[Row], Path], Any] | None = None
    key: Callable[[Sample], str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Header of the table."""
        repeats = ("chip", "seed") if self.repeated else ()
        axes, measured = (tuple(part.name for part in parts) for parts in (self.axes, self.measured))
        return (*axes, *repeats, *measured, "failure")

    def label(self, name: str) -> str:
        """What figures call a column."""
        return {part.name: part.label for part in (*self.axes, *self.measured)}[name]

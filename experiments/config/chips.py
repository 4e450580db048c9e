"""Chips by name: the project's designs, TOML files, installed packages, and one's own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from photonzero.devices.errors import DeviceError
from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.config.noise import UNKNOWN
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import refuse_given
from photonzero.experiments.files.toml import from_table, read_toml
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.design import NetworkDesign, modern_design
from photonzero.photonics.designs import design_names, get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.registry import Registry
from photonzero.training.access import Access
from photonzero.training.errors import TrainingError
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.powers import Stateful

_NEEDED = "n_controls, control_groups and measure"


class ChipSource(Protocol):
    """What a run's chips are made from."""

    @property
    def design(self) -> NetworkDesign | None:
        """The design of a simulated chip; None for a chip of one's own."""
        ...

    @property
    def description(self) -> str:
        """One line on what it is."""
        ...

    @property
    def usual_noise(self) -> str | NoiseModel:
        """Noise where nothing else is said: the name of a preset, a model, or UNKNOWN."""
        ...

    @property
    def takes(self) -> frozenset[str]:
        """What each chip can be made with: "noise", "seed", "dtype", "threads"."""
        ...

    @property
    def offers(self) -> Access:
        """How far its light can be seen."""
        ...

    def make(self, **given: Any) -> ForwardOracle:
        """A chip.

        Args:
            **given: values for what it takes; others are left out.

        Raises:
            UsageError: it cannot be made, or lacks what a chip must have.
        """
        ...


@dataclass(frozen=True)
class SimulatedChip:
    """Chips that are fabricated from a design.

    Attributes:
        name: of the design; one of the project's if `own` is None.
        own: another design.
    """

    name: str
    own: NetworkDesign | None = None

    @property
    def design(self) -> NetworkDesign:
        """The design."""
        return get_design(self.name) if self.own is None else self.own

    @property
    def usual_noise(self) -> str:
        """See `ChipSource`."""
        return "published"

    @property
    def description(self) -> str:
        """That of the design."""
        return self.design.description

    @property
    def takes(self) -> frozenset[str]:
        """All there is."""
        return frozenset(("noise", "seed", "dtype", "threads"))

    @property
    def offers(self) -> Access:
        """See `ChipSource`; without light there is nothing to see inside."""
        return "layers" if any(layer.core.is_optical for layer in self.design.layers) else "outputs"

    def make(self, **given: Any) -> ForwardOracle:
        """A fabricated chip; see `photonzero.photonics.chip.chip.fabricate`."""
        return fabricate(self.design, **given)


@dataclass(frozen=True)
class OwnChip:
    """A chip of one's own, such as one on a bench: an object, or what makes one.

    It has `n_controls`, `control_groups` and `measure`. It may have `measure_features`, `readout_weight`
    and `readout_bias`, see `photonzero.training.oracle.ReadoutOracle`; what
    `photonzero.training.layers.oracle` says of chips whose layers, or whose last layer, can be read;
    `state` and `restore`, without which its noise does not continue where it stood when a run is resumed;
    `initial_controls(rng)`; and `n_in` and `n_out`, which are then compared with what the problem needs.

    Attributes:
        name: for messages.
        found: the object, or a class or function that is called with what it takes of noise, seed, dtype
            and threads.
    """

    name: str
    found: Any

    @property
    def design(self) -> NetworkDesign | None:
        """That of a chip that was fabricated already; None for any other."""
        design = getattr(self.found, "design", None)
        return design if self.is_made and isinstance(design, NetworkDesign) else None

    @property
    def usual_noise(self) -> str | NoiseModel:
        """That of a chip that was fabricated already; "published" for one that is made with a noise model."""
        noise = getattr(self.found, "noise", None)
        if self.is_made and isinstance(noise, NoiseModel):
            return noise
        return "published" if "noise" in self.takes else UNKNOWN

    @property
    def description(self) -> str:
        """First line of its docstring."""
        return (inspect.getdoc(self.found) or "a chip of one's own").splitlines()[0]

    @property
    def is_made(self) -> bool:
        """Whether `found` is the chip itself."""
        return not inspect.isclass(self.found) and hasattr(self.found, "measure")

    @property
    def takes(self) -> frozenset[str]:
        """Names of its parameters among those that a chip can be made with."""
        if self.is_made:
            return frozenset()
        try:
            parameters = inspect.signature(self.found).parameters.values()
        except (TypeError, ValueError):
            return frozenset()
        names = frozenset(("noise", "seed", "dtype", "threads"))
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return names
        return names & {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}

    @property
    def offers(self) -> Access:
        """See `ChipSource`; what a function makes is not known before."""
        if self.design is not None:
            return SimulatedChip(self.name, self.design).offers
        if callable(getattr(self.found, "measure_layers", None)):
            return "layers"
        return "last-layer" if callable(getattr(self.found, "measure_last_layer", None)) else "outputs"

    def make(self, **given: Any) -> ForwardOracle:
        """See `ChipSource`."""
        chip = self.found
        if not self.is_made:
            own = {key: value for key, value in given.items() if key in self.takes}
            try:
                chip = self.found(**own)
            except (DeviceError, PhotonicsError, TrainingError, UsageError):
                raise
            except Exception as error:
                # Whatever a user's chip raises is an error of the chip.
                raise UsageError(f"chip {self.name}: {type(error).__name__}: {error}") from error
        _check_chip(self.name, chip)
        return chip


def _check_chip(name: str, chip: Any) -> None:
    """Refuse what cannot be trained, before anything is measured."""
    for needed in ("n_controls", "control_groups", "measure"):
        if not hasattr(chip, needed):
            raise UsageError(f"chip {name}: no {needed}; allowed: an object with {_NEEDED}")
    n_controls, groups = chip.n_controls, chip.control_groups
    if isinstance(n_controls, bool) or not isinstance(n_controls, int | np.integer) or n_controls < 1:
        raise UsageError(f"chip {name}: n_controls {n_controls!r}; allowed: an integer >= 1")
    if not isinstance(groups, Mapping) or not groups:
        raise UsageError(f"chip {name}: control_groups {groups!r}; allowed: names, each with a ControlGroup")
    covered = np.zeros(n_controls, dtype=int)
    for key, group in groups.items():
        missing = [part for part in ("kind", "slice", "scale", "grid_step") if not hasattr(group, part)]
        if missing:
            raise UsageError(f"chip {name}: group {key!r} has no {missing[0]}; allowed: a ControlGroup")
        if group.slice.stop > n_controls:
            raise UsageError(f"chip {name}: group {key!r} ends at {group.slice.stop}; allowed: {n_controls}")
        covered[group.slice] += 1
    if (covered != 1).any():
        place = int(np.flatnonzero(covered != 1)[0])
        raise UsageError(
            f"chip {name}: control {place} is in {covered[place]} groups; allowed: every control in one"
        )
    if isinstance(chip, Stateful):
        try:
            json.dumps(chip.state())
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"chip {name}: state() cannot be saved ({error}); allowed: numbers, texts, lists, tables"
            ) from error


def _checked(name: str, found: Any) -> ChipSource:
    if isinstance(found, NetworkDesign):
        return SimulatedChip(found.name, found)
    if not callable(found) and not hasattr(found, "measure"):
        raise UsageError(
            f"chip {name}: {found!r}; allowed: a class, a function or an object that gives {_NEEDED}, "
            "or a NetworkDesign"
        )
    return OwnChip(name, found)


CHIPS: Registry[ChipSource] = Registry(
    kind="chip",
    builtin={name: SimulatedChip(name) for name in design_names()},
    error=UsageError,
    check=_checked,
    is_own=lambda value: hasattr(value, "measure") or isinstance(value, NetworkDesign),
    also=("FILE.toml",),
)
"""Chips by name; a TOML file is read by `chip_table`."""


def chip_source(chip: Any) -> ChipSource:
    """What a name stands for, or what an object or class from Python makes.

    Raises:
        UsageError: nothing is called that, or it is no chip.
    """
    if not isinstance(chip, str):
        return _checked(getattr(chip, "__name__", type(chip).__name__), chip)
    refuse_given("chip", chip)
    return CHIPS.get(chip)


def chip_table(chip: Any) -> dict[str, Any]:
    """The entries of a run's table for a chip.

    Args:
        chip: a name, ``FILE.toml`` with a design, ``file.py:Name``, or an object from Python: a design, a
            chip, or what makes one.

    Raises:
        UsageError: a file that cannot be read.
    """
    if isinstance(chip, NetworkDesign):
        return {"chip": chip.name, "design": chip}
    if not isinstance(chip, str) or not chip.endswith(".toml"):
        return {"chip": chip}
    path = Path(chip)
    return {"chip": path.stem, "design": {"description": chip, **read_toml(path), "name": path.stem}}


def read_design(chip: str) -> NetworkDesign:
    """The design of that name, or in that TOML file.

    Raises:
        UsageError: an unknown name, a file that cannot be read or is no design, a chip without a design.
    """
    table = chip_table(chip)
    if "design" in table:
        return from_table(NetworkDesign, modern_design(table["design"]), "design.")
    design = CHIPS.get(chip).design
    if design is None:
        raise UsageError(f"chip {chip}: has no design; allowed: a name, or a TOML file with a design")
    return design


def initial_controls(chip: ForwardOracle, rng: np.random.Generator) -> Array:
    """Where training starts: the chip's own `initial_controls`, or Gaussian numbers of each group's scale.

    Raises:
        UsageError: the chip's own have another shape or are not finite.
    """
    own = getattr(chip, "initial_controls", None)
    if own is None:
        controls = rng.standard_normal(chip.n_controls)
        for group in chip.control_groups.values():
            controls[group.slice] *= group.scale
        return controls
    controls = np.asarray(own(rng), dtype=np.float64)
    if controls.shape != (chip.n_controls,) or not np.isfinite(controls).all():
        raise UsageError(
            f"chip {type(chip).__name__}: initial_controls of shape {controls.shape}; "
            f"allowed: ({chip.n_controls},), finite"
        )
    return controls

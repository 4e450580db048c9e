"""Noise models by name: presets, TOML files, or one from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import from_table, merge, plain, read_toml, without_none

UNKNOWN = "unknown"
"""Name of the noise of a chip that nobody chose it for, such as one in a laboratory."""

_GIVEN = "own"


@dataclass(frozen=True)
class NoiseChoice:
    """A noise model and what it is called.

    Attributes:
        name: preset or file that it came from.
        model: imperfections.
    """

    name: str
    model: NoiseModel

    @classmethod
    def from_table(cls, table: Any, path: str) -> NoiseChoice:
        """From the section of a run's table, or from a noise model.

        Raises:
            UsageError: no section, an unknown key or a wrong type.
            DeviceError: a value out of range.
        """
        if isinstance(table, NoiseModel):
            return cls(_GIVEN, table)
        if not isinstance(table, Mapping):
            raise UsageError(f"configuration {path}: {table!r}; allowed: a section [{path}]")
        parts = {key: value for key, value in table.items() if key != "name"}
        return cls(str(table.get("name", _GIVEN)), from_table(NoiseModel, parts, f"{path}."))

    def to_table(self) -> dict[str, Any]:
        """As the section of a run's table."""
        return {"name": self.name} if self.name == UNKNOWN else {"name": self.name, **plain(self.model)}


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


def noise_model(noise: str) -> NoiseModel:
    """The noise model of a preset or a TOML file.

    Raises:
        DeviceError: an unknown preset.
        UsageError: a file that cannot be read, or holds something else.
    """
    return NoiseChoice.from_table(noise_table(noise), "noise").model

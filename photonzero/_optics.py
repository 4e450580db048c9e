"""The front door of the optics: noise and chips by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.config.chips import read_design
from photonzero.experiments.config.noise import noise_table
from photonzero.experiments.files.toml import from_table, merge, of_python
from photonzero.photonics.chip import chip
from photonzero.photonics.design import NetworkDesign


def noise(base: str = "ideal", **changes: Any) -> NoiseModel:
    """A noise model: a preset or a TOML file, with changes.

    Args:
        base: name of a preset ("ideal", "published", "physical", "harsh", ...), or the path of a TOML file.
        **changes: parts and their numbers, as in TOML: ``coupler_imbalance={"angle_std_rad": 0.02}``.

    Raises:
        DeviceError: no such preset, or a number out of range.
        UsageError: a file that cannot be read, an unknown part or key.
    """
    table = merge(noise_table(base), of_python(changes))
    del table["name"]
    return from_table(NoiseModel, table, "noise.")


def fabricate(
    design: str | NetworkDesign,
    noise: str | NoiseModel | Mapping[str, Any] = "published",
    seed: int = 0,
    *,
    dtype: npt.DTypeLike = "float32",
    threads: int | None = None,
) -> chip.Chip:
    """A chip of a design with errors of its own.

    Args:
        design: name of a design, path of a TOML file, or a design.
        noise: preset, TOML file, noise model, or the changes that an ideal chip gets.
        seed: of the fabrication errors and the noise: the same seed is the same chip.
        dtype: arithmetic of the simulation, float32 or float64.
        threads: of the simulator, None for all processors; no effect on results.

    Raises:
        PhotonicsError, DeviceError: an unknown name, or a value out of range.
        UsageError: a file that cannot be read or holds something else.
    """
    named = read_design(design) if isinstance(design, str) else design
    return chip.fabricate(named, _model(noise), seed, dtype=dtype, threads=threads)


def _model(given: str | NoiseModel | Mapping[str, Any]) -> NoiseModel:
    if isinstance(given, NoiseModel):
        return given
    return noise(given) if isinstance(given, str) else noise(**given)

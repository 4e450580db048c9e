"""What is kept of a calibration: errors of every phase and how well they are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import from_table
from photonzero.photonics.calibration import IdentifiedLayer, LayerModel, PhaseErrors, wire_layer
from photonzero.photonics.design import NetworkDesign, modern_design
from photonzero.stored import DamagedFileError, load_arrays, save_arrays

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

UNLIT = "no light reaches its cell"

_PARTS = ("couplers_rad", "log_amplitude", "uneven")
"""Of `PhaseErrors`, where there are any."""


@dataclass(frozen=True, eq=False)
class CalibratedLayer:
    """One layer.

    Attributes:
        model: the layer with its errors.
        standard_errors: of biases [rad], gammas, coupling and, where couplers err, their sums and differences
            [rad]; infinite where nothing is known.
        lit: (n,) phases that change any reading.
        chi2_per_dof: of the fit, about 1 where the model holds.
        fits: whether it is so near to 1 that noise explains all that is left.
        reading_std: of one reading.
    """

    model: LayerModel
    standard_errors: FloatArray
    lit: BoolArray
    chi2_per_dof: float
    fits: bool
    reading_std: float

    @classmethod
    def of(cls, found: IdentifiedLayer) -> CalibratedLayer:
        """What to keep of a layer."""
        fit = found.fit
        return cls(found.model, fit.standard_errors, fit.lit, fit.chi2_per_dof, found.fits, found.reading_std)

    @property
    def not_identified(self) -> dict[str, str]:
        """Phases that nothing is known of, by name, and why."""
        return {self.model.wiring.name(int(place)): UNLIT for place in np.flatnonzero(~self.lit)}


@dataclass(frozen=True, eq=False)
class CalibratedModel:
    """A chip as its own readings describe it.

    Attributes:
        design: of the chip.
        layers: those that were identified.
    """

    design: NetworkDesign
    layers: Sequence[CalibratedLayer]

    def layer(self, number: int) -> CalibratedLayer:
        """One layer, the first being 1.

        Raises:
            UsageError: it was not identified.
        """
        for own in self.layers:
            if own.model.wiring.number == number - 1:
                return own
        known = ", ".join(str(own.model.wiring.number + 1) for own in self.layers) or "none"
        raise UsageError(f"layer: {number}; allowed: {known}, which were identified")

    def save(self, path: Path) -> None:
        """Write an npz file."""
        arrays: dict[str, Any] = {"design": np.array(json.dumps(self.design.to_table()))}
        for own in self.layers:
            errors, wiring = own.model.errors, own.model.wiring
            parts = {name: getattr(errors, name) for name in _PARTS}
            arrays |= {
                f"layer{wiring.number + 1}/{name}": value
                for name, value in (
                    ("bias_rad", errors.bias_rad),
                    ("gamma", errors.gamma),
                    ("coupling", np.array(errors.coupling)),
                    *((name, part) for name, part in parts.items() if part is not None),
                    ("standard_errors", own.standard_errors),
                    ("lit", own.lit),
                    ("chi2_per_dof", np.array(own.chi2_per_dof)),
                    ("fits", np.array(own.fits)),
                    ("reading_std", np.array(own.reading_std)),
                    ("controls", wiring.controls),
                    ("step_rad", np.array(wiring.step_rad)),
                )
            }
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> CalibratedModel:
        """From a file of `save`.

        Raises:
            UsageError: no such file, or one that holds something else.
        """
        try:
            arrays = load_arrays(path)
            table = json.loads(str(arrays["design"]))
            design = from_table(NetworkDesign, modern_design(_without_none(table)), "design.")
            layers = tuple(
                _layer(design, number, arrays)
                for number in range(1, len(design.layers) + 1)
                if f"layer{number}/bias_rad" in arrays
            )
        except FileNotFoundError as error:
            raise UsageError(f"{path}: not found") from error
        except (DamagedFileError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: no calibrated model ({error})") from error
        return cls(design, layers)

    def check_design(self, design: NetworkDesign) -> None:
        """Refuse another design.

        Raises:
            UsageError: the layers differ.
        """
        if design.layers != self.design.layers:
            raise UsageError(
                f"calibrated model of {self.design.name}: allowed: that design, not {design.name}"
            )


def _layer(design: NetworkDesign, number: int, arrays: dict[str, Any]) -> CalibratedLayer:
    own = {name.split("/")[1]: value for name, value in arrays.items() if name.startswith(f"layer{number}/")}
    wiring = wire_layer(design, number - 1, float(own["step_rad"]))
    if not np.array_equal(own["controls"], wiring.controls) or own["bias_rad"].shape != own["controls"].shape:
        raise ValueError(f"layer {number}: other controls than the design has")
    parts = {part: own.get(part) for part in _PARTS}
    errors = PhaseErrors(own["bias_rad"], own["gamma"], float(own["coupling"]), **parts)
    return CalibratedLayer(
        LayerModel(wiring, errors), own["standard_errors"], own["lit"],
        float(own["chi2_per_dof"]), bool(own["fits"]), float(own["reading_std"]),
    )  # fmt: skip


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value

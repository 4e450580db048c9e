"""Every layer of a chip identified by its own readings, through a meter."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from photonzero.experiments.calibrate.calibrated_model import CalibratedLayer, CalibratedModel
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.experiments.run.result import provenance
from photonzero.photonics.calibration import Budget, IdentifiedLayer, identify_layer, wire_layer
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.errors import PhotonicsError
from photonzero.stored import write_atomically
from photonzero.training.layers.oracle import LayerOracle
from photonzero.training.meter import MeteredLayerOracle, metered

FloatArray = npt.NDArray[np.float64]

MODEL, RESULT = "model.npz", "result.json"


class Kept(Protocol):
    """A model that can be kept in a file."""

    def save(self, path: Path) -> None:
        """Write an npz file."""
        ...


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a chip said of itself.

    Attributes:
        design: of the chip.
        layers: that were identified.
        refused: reasons of the others, by number of the layer, the first being 1.
        inferences: vectors presented, each to one layer.
        settings: times that the chip was programmed.
        by_layer: (inferences, settings) of each layer in `layers`.
        wall_s: host and simulator together [s].
    """

    design: NetworkDesign
    layers: Sequence[IdentifiedLayer]
    refused: dict[int, str]
    inferences: int
    settings: int
    by_layer: Sequence[tuple[int, int]]
    wall_s: float

    @property
    def model(self) -> CalibratedModel:
        """What can be kept."""
        return CalibratedModel(self.design, tuple(CalibratedLayer.of(own) for own in self.layers))

    @property
    def fits(self) -> bool:
        """Whether every layer was identified, and its readings are explained."""
        return not self.refused and all(own.fits for own in self.layers)

    def result(self) -> dict[str, Any]:
        """The content of result.json that does not depend on how the chip was made."""
        layers = [
            {
                "layer": own.wiring.number + 1,
                "n_phases": own.wiring.n_phases,
                "n_lit": int(own.fit.lit.sum()),
                "rel_error_unseen": own.rel_error_unseen,
                "claimed_error": own.claimed_error,
                "chi2_unseen": own.chi2_unseen,
                "chi2_unseen_expected": own.chi2_unseen_expected,
                "chi2_per_dof": own.fit.chi2_per_dof,
                "chi2_std": own.chi2_std,
                "fits": own.fits,
                "coupling": own.fit.errors.coupling,
                "parts": list(own.fit.errors.parts),
                "stuck": [own.wiring.name(int(place)) for place in np.flatnonzero(own.fit.errors.stuck)],
                "fits_worst": None if own.worst is None else own.wiring.name(own.worst[0]),
                "fits_worst_by": None if own.worst is None else own.worst[1],
                "reading_std": own.reading_std,
                "starts": own.starts,
                "inferences": inferences,
                "settings": settings,
            }
            for own, (inferences, settings) in zip(self.layers, self.by_layer, strict=True)
        ]
        dof = sum(own.fit.n_readings - own.fit.n_parameters for own in self.layers)
        return {
            "rel_error_unseen": max((own.rel_error_unseen for own in self.layers), default=None),
            "chi2_per_dof": sum(own.fit.chi2 for own in self.layers) / dof if dof else None,
            "fits": self.fits,
            "inferences": self.inferences,
            "settings": self.settings,
            "layers": layers,
            "refused": {str(number): reason for number, reason in self.refused.items()},
            "wall_s": self.wall_s,
        }


def calibrate(
    chip: Any,
    *,
    seed: int = 0,
    layers: Sequence[int] | None = None,
    budget: Budget | None = None,
    done: Callable[[IdentifiedLayer], None] | None = None,
) -> Calibration:
    """Every phase error of a chip from forward readings of its layers alone.

    Nothing is asked of the chip but `measure_layer`; its design and the grid of its DAC are known.

    Args:
        chip: with `measure_layer`, `largest_input`, `layers` and `control_groups`, and a `design`.
        seed: of the settings and vectors that are read.
        layers: numbers, the first being 1; None for all.
        budget: how much is read.
        done: called with every layer that was identified.

    Raises:
        UsageError: a chip without a design or without layer access, or a layer that does not exist.
    """
    design, meter = layer_access(chip)
    formats = cast(LayerOracle, chip).layers
    n_layers = len(formats)
    wanted = range(1, n_layers + 1) if layers is None else layers
    if not set(wanted) <= set(range(1, n_layers + 1)):
        raise UsageError(f"layers: {', '.join(map(str, wanted))}; allowed: 1 to {n_layers}")
    steps = {group.grid_step for group in meter.control_groups.values() if group.kind == "phase"}
    begun = time.perf_counter()
    found, refused, by_layer = [], {}, []
    with one_blas_thread():
        for number in wanted:
            before = meter.inferences, meter.settings
            try:
                full_scale = formats[number - 1].full_scale
                wiring = wire_layer(design, number - 1, max(steps, default=0.0), full_scale)
                own = identify_layer(meter, wiring, np.random.default_rng([seed, number]), budget)
            except PhotonicsError as error:
                refused[number] = str(error)
                continue
            found.append(own)
            by_layer.append((meter.inferences - before[0], meter.settings - before[1]))
            if done is not None:
                done(own)
    wall_s = time.perf_counter() - begun
    return Calibration(design, found, refused, meter.inferences, meter.settings, by_layer, wall_s)


def layer_access(chip: Any) -> tuple[NetworkDesign, MeteredLayerOracle]:
    """Design of a chip, and the chip behind a meter.

    Raises:
        UsageError: a chip without a design or without layer access.
    """
    design = getattr(chip, "design", None)
    if not isinstance(design, NetworkDesign):
        raise UsageError(f"chip {type(chip).__name__}: no design; allowed: a chip whose layout is known")
    meter = metered(chip)
    if not isinstance(meter, MeteredLayerOracle):
        raise UsageError(f"chip {type(chip).__name__}: no measure_layer; allowed: a chip with layer access")
    return design, meter


def write(folder: Path, model: Kept, content: dict[str, Any]) -> dict[str, Any]:
    """Write a model and result.json; returns the latter.

    Args:
        folder: made if it is not there.
        model: of a chip or a mesh.
        content: of result.json: chip, noise and seed, and what was found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / MODEL)
    result = {"schema": 1, **content, **provenance()}
    text = json.dumps(_finite(result), indent=2).encode() + b"\n"
    write_atomically(folder / RESULT, lambda file: file.write(text))
    return result


def _finite(value: Any) -> Any:
    """JSON knows no infinity."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

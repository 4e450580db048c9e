"""How often a layer that drifts must be read for its model to stay right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photonzero.devices.drift import PhaseDrift
from photonzero.devices.noise_model import preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.calibrate.recalibration import recalibrate
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.self_calibration import check, layer_of
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.calibration import LayerModel
from photonzero.photonics.chip.chip import Chip, fabricate

FloatArray = npt.NDArray[np.float64]

IN_USE, RANDOM = "in use", "random"


@dataclass(frozen=True)
class Options:
    """Settings of the study.

    Attributes:
        correlation_time_s: after which drift has forgotten where it was [s].
        rounds: times that a model is brought up to date.
    """

    correlation_time_s: float = 100.0
    rounds: int = 8

    def __post_init__(self) -> None:
        """Check the values."""
        if self.rounds < 1:
            raise UsageError(f"rounds: {self.rounds}; allowed: >= 1")
        if not 0.0 < self.correlation_time_s < math.inf:
            raise UsageError(f"correlation_time_s: {self.correlation_time_s}; allowed: > 0")


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """One layer of one chip, followed for a while."""
    return [_measure(sample) for sample in samples]


def _measure(sample: Sample) -> Row:
    setting, options = sample.setting, sample.options
    design, number = layer_of(setting["layer"])
    drift = PhaseDrift(setting["drift_std_rad"], options.correlation_time_s)
    noise = replace(preset(setting["noise"]), phase_drift=drift)
    chip = fabricate(design, noise, sample.chip_seed, threads=1)
    found = calibrate(chip, seed=sample.chip_seed, layers=[number])
    if found.refused:
        raise UsageError(f"layer {setting['layer']}: {found.refused[number]}")
    model = found.model
    first = model.layer(number).model
    in_use = first.wiring.on_grid(sample.rng().uniform(0.0, 2.0 * math.pi, (1, first.wiring.n_phases)))
    controls = first.wiring.settings(in_use)[0] if setting["read_at"] == IN_USE else None
    before, after, never = [], [], []
    for k in range(options.rounds):
        chip.wait(setting["at_once"] / setting["readings_per_s"])
        wanted = _true_matrix(chip, first, in_use)
        never.append(_error(first, in_use, wanted))
        before.append(_error(model.layer(number).model, in_use, wanted))
        model = recalibrate(chip, model, setting["at_once"], seed=k, controls=controls).model
        after.append(_error(model.layer(number).model, in_use, wanted))
    return {"error_before": _mean(before), "error_after": _mean(after), "error_never": _mean(never)}


def _true_matrix(chip: Chip, model: LayerModel, phases_rad: FloatArray) -> FloatArray:
    """(n_out, n_in) of a layer at one setting now, as silent detectors would read it."""
    silent = replace(chip.noise, readout_noise=ReadoutNoise())
    twin = fabricate(chip.design, silent, chip.seed, dtype=np.float64, threads=1)
    twin.restore(chip.state())
    wiring = model.wiring
    readings = twin.measure_layer(wiring.number, wiring.settings(phases_rad), np.eye(wiring.layer.n_in))
    return readings[0].T


def _error(model: LayerModel, phases_rad: FloatArray, wanted: FloatArray) -> float:
    return float(np.linalg.norm(model.matrices(phases_rad)[0] - wanted) / np.linalg.norm(wanted))


def _mean(errors: Sequence[float]) -> float:
    return math.sqrt(float(np.mean(np.square(errors))))


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Error of the matrix in use against readings a second."""
    lines = ("read_at", "at_once", "drift_std_rad", "layer")
    panels = [
        Panel("readings_per_s", "error_before", lines, y_log=True),
        Panel("readings_per_s", "error_after", lines, y_log=True),
    ]
    draw_panels(folder, "recalibration", plan.study, rows, panels)
    options = plan.options
    return [
        Drawing(
            "recalibration",
            "Relative error of the matrix in use, left just before a model is brought up to date, right just "
            "after, against vectors presented a second. Phases drift with a correlation time of "
            f"{options.correlation_time_s:g} s; root mean square over {options.rounds} times; {plan.chips} "
            f"chips; {BAND_TEXT}.",
        )
    ]


STUDY = Study(
    name="recalibration",
    summary="Models of chips that drift, followed from a few readings: error against readings a second.",
    axes=(
        Axis("layer", "layer", "text"),
        Axis("noise", "phase errors", "text"),
        Axis("read_at", "setting that is read", "text", choices=(IN_USE, RANDOM)),
        Axis("at_once", "readings at once", "int", low=1),
        Axis("drift_std_rad", "std. of the phase drift [rad]"),
        Axis("readings_per_s", "readings a second", low=1e-9),
    ),
    defaults={
        "chips": 3,
        "layer": ["tonn-wave/2"],
        "noise": ["published-detector"],
        "read_at": [IN_USE, RANDOM],
        "at_once": [1, 6],
        "drift_std_rad": [0.05],
        "readings_per_s": [0.1, 1.0, 10.0, 100.0, 1000.0],
    },
    quick={"chips": 2, "at_once": [6], "readings_per_s": [0.1, 10.0, 1000.0]},
    measured=(
        Measured("error_before", "error just before"),
        Measured("error_after", "error just after"),
        Measured("error_never", "error of the first calibration"),
    ),
    measure=measure,
    draw=draw,
    check=check,
    options=Options,
)

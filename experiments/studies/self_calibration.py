"""How well layers identify themselves: several designs and errors, against the noise of a reading."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import PRESETS, NoiseModel, preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.config.chips import read_design
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.calibration import IdentifiedLayer
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.design import NetworkDesign, dense_layer

ONE_CORE = "core"
"""A layer of a single block of 8 x 8."""

LAYERS = (
    ONE_CORE, "tonn-hjb20/1", "tonn-hjb20/2", "tonn-black-scholes/1", "tonn-black-scholes/2", "tonn-wave/1",
    "tonn-wave/2", "tonn-wide-10d/1", "tonn-wide-10d/2", "tonn-mnist/1", "tonn-mnist/2",
)  # fmt: skip
_N_UNSEEN = 20

_DECEIVED = 3.0
"""Error over the one that a fit claims above which a good chi^2 deceives."""

_COUPLERS = replace(preset("published"), coupler_imbalance=CouplerImbalance(angle_std_rad=0.01))

MORE_ERRORS = {
    "couplers": _COUPLERS,
    "all-parts": replace(
        _COUPLERS,
        insertion_loss=InsertionLoss(cell_db=0.1, cell_std_db=0.1),
        thermal_crosstalk=ThermalCrosstalk(coupling=0.005, std=0.002),
    ),
    "stuck": replace(
        preset("published"), stuck_shifters=StuckShifters(probability=0.005, spread_rad=float(np.pi))
    ),
    "programming": replace(preset("published"), programming_std_rad=0.003),
    "jitter": replace(preset("published"), phase_jitter=PhaseJitter(std_rad=0.01)),
    "drifting": replace(preset("published"), phase_drift=PhaseDrift(0.01, 1e-6)),
}
"""By name: the published phase errors with couplers 1 % off; with losses that differ from cell to cell and
crosstalk from pair to pair as well; with stuck shifters; and three that no fixed model explains."""


def layer_of(name: str) -> tuple[NetworkDesign, int]:
    """A design and the number of a layer of it, the first being 1, from "DESIGN/NUMBER".

    Raises:
        UsageError: no such layer.
    """
    if name == ONE_CORE:
        return NetworkDesign(
            ONE_CORE, "one block", (dense_layer(8, 8, "identity"),), n_out=8, readout=False
        ), 1
    chip, _, number = name.rpartition("/")
    if not chip or not number.isdecimal():
        raise UsageError(f"layer: {name!r}; allowed: {ONE_CORE}, or DESIGN/NUMBER such as tonn-hjb20/2")
    return read_design(chip), int(number)


def noise_of(name: str, reading_std: float) -> NoiseModel:
    """Errors by name, a preset or one of `MORE_ERRORS`, and detectors that err by this part of their range.

    A preset with light of its own, such as "physical", keeps its detectors.
    """
    noise = MORE_ERRORS[name] if name in MORE_ERRORS else preset(name)
    if noise.optical_readout is not None:
        return noise
    return replace(noise, readout_noise=ReadoutNoise(std_of_full_scale=reading_std))


def true_error(found: IdentifiedLayer, design: NetworkDesign, noise: NoiseModel, chip_seed: int) -> float:
    """Relative error of the layer's matrix at settings never used, against the chip with silent detectors.

    Args:
        found: of the layer.
        design: of the chip.
        noise: of the chip.
        chip_seed: that it was fabricated with.
    """
    silent = replace(noise, readout_noise=ReadoutNoise(), optical_readout=None, adc=None)
    twin = fabricate(design, silent, chip_seed, dtype=np.float64, threads=1)
    wiring, rng = found.wiring, np.random.default_rng([chip_seed, 1])
    phases = wiring.on_grid(rng.uniform(0.0, 2.0 * np.pi, (_N_UNSEEN, wiring.n_phases)))
    readings = twin.measure_layer(wiring.number, wiring.settings(phases), np.eye(wiring.layer.n_in))
    wanted = readings.swapaxes(1, 2)
    return float(np.linalg.norm(found.model.matrices(phases) - wanted) / np.linalg.norm(wanted))


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """One layer of one chip."""
    return [_measure(sample) for sample in samples]


def _measure(sample: Sample) -> Row:
    setting = sample.setting
    design, number = layer_of(setting["layer"])
    noise = noise_of(setting["noise"], setting["reading_std"])
    chip = fabricate(design, noise, sample.chip_seed, threads=1)
    begun = time.process_time()
    calibration = calibrate(chip, seed=sample.chip_seed, layers=[number])
    if calibration.refused:
        raise UsageError(f"layer {setting['layer']}: {calibration.refused[number]}")
    (found,) = calibration.layers
    error = true_error(found, design, noise, sample.chip_seed)
    return {
        "true_error": error,
        "claimed_error": found.claimed_error,
        "rel_error_unseen": found.rel_error_unseen,
        "chi2_per_dof": found.fit.chi2_per_dof,
        "explained": int(found.fits),
        "deceived": int(found.fits and error > _DECEIVED * found.claimed_error),
        "inferences": calibration.inferences,
        "settings": calibration.settings,
        "starts": found.starts,
        "cpu_s": time.process_time() - begun,
    }


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Error at unseen settings, and what it took, against the noise of a reading."""
    lines = ("layer", "noise")
    panels = [
        Panel("reading_std", "true_error", lines, y_log=True),
        Panel("reading_std", "inferences", lines, y_log=True),
    ]
    draw_panels(folder, "self-calibration", plan.study, rows, panels)
    return [
        Drawing(
            "self-calibration",
            "Left: relative error of a layer's matrix at 20 settings that nothing was fitted to, against the "
            "noise of one reading as a part of the detectors' range. Right: vectors presented to the layer. "
            f"Errors of a chip, identified from forward readings of the layer alone; "
            f"{plan.chips} chips; {BAND_TEXT}.",
        )
    ]


def check(plan: Plan) -> None:
    """Refuse layers that do not exist."""
    for name in plan.grid["layer"]:
        design, number = layer_of(name)
        if number not in range(1, len(design.layers) + 1):
            raise UsageError(
                f"layer: {name!r}; allowed: {design.name}/1 to {design.name}/{len(design.layers)}"
            )
    for name in plan.grid["noise"]:
        if name not in (*MORE_ERRORS, *PRESETS):
            raise UsageError(f"noise: {name!r}; allowed: {', '.join((*PRESETS, *MORE_ERRORS))}")


STUDY = Study(
    name="self-calibration",
    summary="Phase errors of a layer from its own readings: error at unseen settings, chi^2, inferences.",
    axes=(
        Axis("layer", "layer", "text"),
        Axis("noise", "errors", "text"),
        Axis("reading_std", "noise of a reading", high=0.1),
    ),
    defaults={"chips": 10, "layer": list(LAYERS), "noise": ["published"], "reading_std": [1e-3]},
    quick={"chips": 3, "layer": [ONE_CORE, "tonn-hjb20/2"], "reading_std": [1e-4, 1e-3, 1e-2]},
    measured=(
        Measured("true_error", "error of the matrix"),
        Measured("rel_error_unseen", "error of readings, noise taken out"),
        Measured("chi2_per_dof", "chi^2 a degree of freedom"),
        Measured("claimed_error", "error that the fit expects"),
        Measured("explained", "readings explained", "int"),
        Measured("deceived", "explained, and wrong", "int"),
        Measured("inferences", "inferences", "int"),
        Measured("settings", "settings", "int"),
        Measured("starts", "starts", "int"),
        Measured("cpu_s", "processor time of host and simulator [s]"),
    ),
    measure=measure,
    draw=draw,
    check=check,
)

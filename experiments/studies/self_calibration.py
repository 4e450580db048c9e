"""How well layers identify themselves: several designs and errors, against the noise of a reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.readout_noise import ReadoutNoise
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
    """Phase errors of a preset, and detectors that err by this part of their range."""
    return replace(preset(name), readout_noise=ReadoutNoise(std_of_full_scale=reading_std))


def true_error(found: IdentifiedLayer, design: NetworkDesign, noise: NoiseModel, chip_seed: int) -> float:
    """Relative error of the layer's matrix at settings never used, against the chip with silent detectors.

    Args:
        found: of the layer.
        design: of the chip.
        noise: of the chip.
        chip_seed: that it was fabricated with.
    """
    silent = replace(noise, readout_noise=ReadoutNoise())
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
    calibration = calibrate(chip, seed=sample.chip_seed, layers=[number])
    if calibration.refused:
        raise UsageError(f"layer {setting['layer']}: {calibration.refused[number]}")
    (found,) = calibration.layers
    return {
        "true_error": true_error(found, design, noise, sample.chip_seed),
        "rel_error_unseen": found.rel_error_unseen,
        "chi2_per_dof": found.fit.chi2_per_dof,
        "explained": int(found.fits),
        "inferences": calibration.inferences,
        "settings": calibration.settings,
        "starts": found.starts,
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
            f"Phase errors of a preset, identified from forward readings of the layer alone; "
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
        preset(name)


STUDY = Study(
    name="self-calibration",
    summary="Phase errors of a layer from its own readings: error at unseen settings, chi^2, inferences.",
    axes=(
        Axis("layer", "layer", "text"),
        Axis("noise", "phase errors", "text"),
        Axis("reading_std", "noise of a reading", high=0.1),
    ),
    defaults={"chips": 10, "layer": list(LAYERS), "noise": ["published"], "reading_std": [1e-3]},
    quick={"chips": 3, "layer": [ONE_CORE, "tonn-hjb20/2"], "reading_std": [1e-4, 1e-3, 1e-2]},
    measured=(
        Measured("true_error", "error of the matrix"),
        Measured("rel_error_unseen", "error of readings, noise taken out"),
        Measured("chi2_per_dof", "chi^2 a degree of freedom"),
        Measured("explained", "readings explained", "int"),
        Measured("inferences", "inferences", "int"),
        Measured("settings", "settings", "int"),
        Measured("starts", "starts", "int"),
    ),
    measure=measure,
    draw=draw,
    check=check,
)

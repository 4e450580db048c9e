"""A trained network loaded onto a chip whose errors it has told."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photonzero.experiments.calibrate.calibrated_model import CalibratedModel
from photonzero.photonics.calibration import LayerModel
from photonzero.photonics.cores import Meshes
from photonzero.training.rounding import rounded_in_turn

FloatArray = npt.NDArray[np.float64]

_VECTORS = 64
"""Random inputs in whose readings settings are compared: their mean square is that of the matrix."""

_RELATIVE_DAMPING = 0.1
"""Added to the metric, in units of its mean: phases that change nothing stay where they are."""

_SWEEPS = 4


def load_network(model: CalibratedModel, controls: FloatArray, seed: int = 0) -> FloatArray:
    """Controls with which a chip does what an ideal one does with some controls.

    The model of every layer is inverted; then all phases of a layer are rounded to the grid of the DAC one
    after the other, each making up for what earlier ones missed, in the metric of the layer's matrix
    [babai1986], and moved by single codes as long as that helps.

    Args:
        model: of the chip.
        controls: (n_controls,) that an ideal chip would be programmed with.
        seed: of the inputs that the metric is made of.

    Raises:
        UsageError: a layer of meshes that the model lacks.
    """
    loaded = controls.copy()
    for number, layer in enumerate(model.design.layers, start=1):
        if isinstance(layer.core, Meshes):
            own = model.layer(number).model
            places = own.wiring.controls
            wanted = own.programmed(controls[places])
            loaded[places] = rounded_phases(own, wanted, np.random.default_rng([seed, number]))
    return loaded


def rounded_phases(model: LayerModel, wanted_rad: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Phases (n,) on the DAC's grid whose matrix is near that of wanted ones (n,) [rad].

    Args:
        model: of the layer.
        wanted_rad: in [0, 2 pi).
        rng: draws inputs.
    """
    step = model.wiring.step_rad
    if not step:
        return wanted_rad
    vectors = rng.choice([-1.0, 1.0], (_VECTORS, model.wiring.layer.n_in))
    metric = model.metric(wanted_rad, vectors)
    metric += _RELATIVE_DAMPING * float(np.diag(metric).mean()) * np.eye(len(metric))
    covariance = np.linalg.inv(metric)
    rounded = rounded_in_turn(wanted_rad[None], np.full(len(wanted_rad), step), covariance)[0]
    # The last code is a whole turn, and does what the first one does.
    largest = round(2.0 * math.pi / step) - 1
    codes = np.clip(np.round(rounded / step), 0, largest)
    return step * _moved(codes, wanted_rad / step, metric, largest)


def _moved(codes: FloatArray, wanted: FloatArray, metric: FloatArray, largest: int) -> FloatArray:
    """Codes moved one after the other while the quadratic form of their distance from wanted ones falls."""
    codes, diagonal = codes.copy(), np.diag(metric)
    slope = metric @ (codes - wanted)
    for _ in range(_SWEEPS):
        before = codes.copy()
        for i in range(len(codes)):
            move = np.clip(codes[i] - np.round(slope[i] / diagonal[i]), 0.0, largest) - codes[i]
            if move:
                codes[i] += move
                slope += move * metric[:, i]
        if (codes == before).all():
            break
    return codes

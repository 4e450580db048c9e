"""A calibrated chip that has drifted since, brought up to date from a handful of readings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.experiments.calibrate.calibrated_model import CalibratedLayer, CalibratedModel
from photonzero.experiments.calibrate.calibration import layer_access
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.photonics.calibration import FollowedLayer, follow_layer

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recalibration:
    """What a few readings say of a chip that was calibrated before.

    Attributes:
        model: of the chip as it is now.
        layers: what was found of each layer of the model.
        inferences: vectors presented, each to one layer.
        settings: times that the chip was programmed.
        wall_s: host and simulator together [s].
    """

    model: CalibratedModel
    layers: Sequence[FollowedLayer]
    inferences: int
    settings: int
    wall_s: float

    def result(self) -> dict[str, Any]:
        """The content of result.json that does not depend on how the chip was made."""
        return {
            "fits": all(own.fits for own in self.layers),
            "inferences": self.inferences,
            "settings": self.settings,
            "layers": [
                {
                    "layer": own.model.wiring.number + 1,
                    "drift_rad": own.drift_rad,
                    "chi2_before": own.chi2_before,
                    "chi2_per_dof": own.chi2_per_dof,
                    "n_dof": own.n_dof,
                    "fits": own.fits,
                }
                for own in self.layers
            ],
            "wall_s": self.wall_s,
        }


def recalibrate(
    chip: Any,
    model: CalibratedModel,
    n_inferences: int = 6,
    *,
    seed: int = 0,
    controls: FloatArray | None = None,
) -> Recalibration:
    """Bring the model of a chip that has drifted up to date.

    Args:
        chip: as for `photonzero.calibrate`.
        model: of it, from before.
        n_inferences: vectors that each layer is presented.
        seed: of vectors and settings.
        controls: (n_controls,) that stay programmed, such as those in use: a chip that computes need not be
            interrupted then, and what matters to it is learnt. None draws a setting for every vector, which
            tells about all settings alike.

    Raises:
        UsageError: a chip without a design or layer access, or a model of another design.
        PhotonicsError: no readings, or readings of another shape.
    """
    design, meter = layer_access(chip)
    model.check_design(design)
    begun = time.perf_counter()
    found, layers = [], []
    with one_blas_thread():
        for layer in model.layers:
            wiring = layer.model.wiring
            at_rad = None if controls is None else controls[wiring.controls]
            rng = np.random.default_rng([seed, wiring.number + 1])
            own = follow_layer(
                meter, layer.model, layer.standard_errors, layer.reading_std, n_inferences, rng, at_rad
            )
            found.append(own)
            layers.append(
                CalibratedLayer(
                    own.model, own.standard_errors, layer.lit, own.chi2_per_dof, own.fits, layer.reading_std
                )
            )
    new = CalibratedModel(design, tuple(layers))
    return Recalibration(new, found, meter.inferences, meter.settings, time.perf_counter() - begun)

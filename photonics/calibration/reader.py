"""One layer of a chip, asked for readings, and how many of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.fit import Readings
from photonzero.photonics.calibration.wiring import LayerAccess, LayerWiring
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]


class Reader:
    """One layer of a chip, driven by vectors of +-1, or as near to it as its modulators come.

    Attributes:
        inferences: asked for, to keep to a budget.
    """

    def __init__(self, chip: LayerAccess, wiring: LayerWiring) -> None:
        self.chip, self.wiring = chip, wiring
        self.size = min(1.0, chip.largest_input)
        self.inferences = 0

    def read(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """Readings (P, B, n_out) of programmed phases (P, n), for inputs (B, n_in) of size 1."""
        settings = self.wiring.settings(phases_rad)
        self.inferences += len(settings) * len(vectors)
        answer = self.chip.measure_layer(self.wiring.number, settings, self.size * vectors)
        readings = np.asarray(answer, np.float64) / self.size
        expected = (len(settings), len(vectors), self.wiring.layer.n_out)
        if readings.shape != expected or not np.isfinite(readings).all():
            raise PhotonicsError(f"readings: shape {readings.shape}; allowed: {expected}, finite")
        return readings


def random_readings(reader: Reader, n_settings: int, n_vectors: int, rng: np.random.Generator) -> Readings:
    """Readings at random settings, of vectors that differ from setting to setting.

    Args:
        reader: of the layer.
        n_settings: settings, uniform in [0, 2 pi).
        n_vectors: presented to each.
        rng: draws both.
    """
    wiring = reader.wiring
    phases = wiring.on_grid(rng.uniform(0.0, 2.0 * math.pi, (n_settings, wiring.n_phases)))
    vectors = rng.choice([-1.0, 1.0], (n_settings, n_vectors, wiring.layer.n_in))
    readings = [reader.read(own[None], some)[0] for own, some in zip(phases, vectors, strict=True)]
    return Readings(phases, vectors, np.stack(readings))

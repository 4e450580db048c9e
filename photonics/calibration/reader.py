"""One layer of a chip, asked for readings, and how many of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.fit import Readings
from photonzero.photonics.calibration.wiring import LayerAccess, LayerWiring
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]


_SAME, _ON_LEVEL, _FEWEST_LEVELS = 1e-5, 0.02, 16
"""Distance of equal readings over the largest one, distance from a level in steps, levels at least."""


def _rounded_variance(variance: float) -> float:
    """Half the mean square of what two rounded numbers differ by, of a variance about anything [steps]."""
    # A distance k + f, 0 <= f < 1, is rounded to k + 1 in a part f of all places.
    distance = np.linspace(-6.0, 6.0, 2001) * math.sqrt(2.0 * variance)
    weight = np.exp(-0.5 * np.linspace(-6.0, 6.0, 2001) ** 2)
    whole, part = np.divmod(np.abs(distance), 1.0)
    squares = (1.0 - part) * whole**2 + part * (whole + 1.0) ** 2
    return 0.5 * float(squares @ weight / weight.sum())


class Reader:
    """One layer of a chip, driven by vectors of +-1, or as near to it as its modulators come.

    Attributes:
        inferences: asked for, to keep to a budget.
        full_size: of inputs at most.
        size: of the inputs now.
        step: distance of the levels that readings have, see `notice_levels`; 0 for any.
    """

    def __init__(self, chip: LayerAccess, wiring: LayerWiring) -> None:
        self.chip, self.wiring = chip, wiring
        self.size = self.full_size = min(1.0, chip.largest_input)
        self.inferences, self.step = 0, 0.0

    @property
    def limit(self) -> float:
        """Readings of inputs of size 1 that are the last before the receivers' last level."""
        return (self.wiring.full_scale - 1.5 * self.step) / self.size

    def notice_levels(self, readings: FloatArray) -> None:
        """Find the levels of a converter in readings at the present size: all are multiples of one step."""
        distinct = np.unique(self.size * readings)
        gaps = np.diff(distinct)
        gaps = gaps[gaps > _SAME * np.abs(distinct).max()]
        if len(gaps) < _FEWEST_LEVELS:
            return
        steps = (distinct - distinct[0]) / gaps.min()
        if np.abs(steps - np.round(steps)).max() < _ON_LEVEL:
            self.step = float(gaps.min())

    def variance(self, repeated: float) -> float:
        """Of the error of a reading at the present size, from that of equal ones among each other.

        What rounding adds is the same at each repeat where noise is small against a step, and then missing
        in their difference.
        """
        step = self.step / self.size
        if not step:
            return repeated
        seen, low, high = repeated / step**2, 0.0, 1.0 + repeated / step**2
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if _rounded_variance(middle) < seen else (low, middle)
        return (low + 1.0 / 12.0) * step**2

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
    read = np.stack(readings)
    if not reader.step:
        reader.notice_levels(read)
    limit = reader.limit
    return Readings(phases, vectors, np.clip(read, -limit, limit), limit)

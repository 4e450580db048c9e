"""From programmed to realised phases: the static and deterministic errors of one fabricated chip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from devices.crosstalk import ThermalCrosstalk
from devices.noise_model import NoiseModel
from devices.quantizer import TWO_PI_RAD

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class PhaseActuator:
    """DACs and shifters of a chip, with the errors they were fabricated with.

    Order [zhao2023tonn]: modulo 2 pi, quantization, gamma error, thermal crosstalk, bias, jitter.

    Args:
        noise: imperfections.
        position: (n, 3) mesh, layer and row of every shifter; heat stays within a mesh.
        is_singular: (n,) shifters that `noise.ideal_singular_values` exempts from every error.
        rng: draws the static errors.
    """

    def __init__(
        self,
        noise: NoiseModel,
        position: IntArray,
        is_singular: npt.NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> None:
        n = position.shape[0]
        exempt = is_singular & noise.ideal_singular_values
        self._erring = np.flatnonzero(~exempt)
        self._quantizer = noise.quantizer
        self._jitter_rad = noise.phase_jitter_rad
        self._gamma_ratio = noise.phase_shifter.draw_gamma_ratio(n, rng)[self._erring]
        self._bias_rad = noise.phase_shifter.draw_bias_rad(n, rng)[self._erring]
        self._crosstalk = self._crosstalk_matrix(noise.thermal_crosstalk, position[self._erring])

    @staticmethod
    def _crosstalk_matrix(crosstalk: ThermalCrosstalk, position: IntArray) -> sparse.csr_array | None:
        if crosstalk.coupling == 0.0 or position.shape[0] == 0:
            return None
        # Meshes are laid out far apart, so that neighbours are found within a mesh only.
        span = int(position[:, 1].max()) + 3
        receiver, source = crosstalk.neighbours(position[:, 0] * span + position[:, 1], position[:, 2])
        n = position.shape[0]
        values = np.full(receiver.size, crosstalk.coupling)
        coupled = sparse.coo_array((values, (receiver, source)), shape=(n, n))
        return sparse.csr_array(coupled + sparse.eye_array(n))

    def realise(self, phase_rad: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Phases that light meets.

        Args:
            phase_rad: (P, n) programmed phases [rad].
            rng: draws the jitter of this programming.

        Returns:
            (P, n) realised phases [rad].
        """
        realised = np.mod(phase_rad, TWO_PI_RAD)
        erring = realised[:, self._erring]
        if self._quantizer is not None:
            erring = self._quantizer.realise(erring)
        erring = erring * self._gamma_ratio
        if self._crosstalk is not None:
            erring = (self._crosstalk @ erring.T).T
        erring = erring + self._bias_rad
        if self._jitter_rad > 0:
            erring = erring + self._jitter_rad * rng.standard_normal(erring.shape)
        realised[:, self._erring] = erring
        return realised

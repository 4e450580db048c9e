"""From programmed to realised phases: the static and deterministic errors of one fabricated chip or mesh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.group_errors import group_errors_rad
from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.noise_part import fabricate_parts
from photonzero.devices.quantizer import TWO_PI_RAD, modulo_turn
from photonzero.devices.stuck_shifter import apply_stuck

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_COMPENSATION_ROUNDS = 36
"""Rounds of compensation: each leaves coupling x neighbours (3 % as published) of the error before."""

_SETTINGS_AT_ONCE = 32
"""As many as leave what is computed of them in the cache."""


class PhaseActuator:
    """DACs and shifters of a chip or a mesh, with the errors they were fabricated with.

    Order [zhao2023tonn]: modulo 2 pi, quantization, stuck shifters, gamma error, thermal crosstalk,
    bias, parts of one's own; then what changes in time.

    Args:
        noise: imperfections.
        position: (n, 3) mesh, layer and row of every shifter; heat stays within a mesh.
        is_singular: (n,) shifters that `noise.ideal_singular_values` exempts from every error.
        rng: draws the static errors.
        is_drive: (n,) drives of rings, which a driver limits to one turn's worth instead of wrapping.
        own_rng: draws the static errors of parts of one's own, if the noise has any.
        groups: where the noise has errors by group, names of groups, the place (n,) of each shifter's among
            them, and what draws the errors.

    Attributes:
        n_erring: shifters that are exempt from no error.
    """

    def __init__(
        self,
        noise: NoiseModel,
        position: IntArray,
        is_singular: npt.NDArray[np.bool_],
        rng: np.random.Generator,
        is_drive: npt.NDArray[np.bool_] | None = None,
        own_rng: np.random.Generator | None = None,
        groups: tuple[Sequence[str], IntArray, np.random.Generator] | None = None,
    ) -> None:
        n = position.shape[0]
        exempt = is_singular & noise.ideal_singular_values
        self._erring = np.flatnonzero(~exempt)
        self.n_erring = self._erring.size
        self._is_drive = np.zeros(n, bool) if is_drive is None else is_drive
        self._quantizer = noise.quantizer
        self._programming_std_rad = noise.programming_std_rad
        self._gamma_ratio = noise.phase_shifter.draw_gamma_ratio(n, rng)[self._erring]
        self._bias_rad = noise.phase_shifter.draw_bias_rad(n, rng)[self._erring]
        if groups is not None and noise.group_std_rad is not None:
            self._bias_rad = self._bias_rad + group_errors_rad(noise.group_std_rad, *groups)[self._erring]
        stuck, held_rad = noise.stuck_shifters.draw(n, rng)
        self._stuck = stuck[self._erring] if stuck.any() else None
        self._held_rad = held_rad[self._erring]
        # Drawn last, so that uneven crosstalk leaves other errors of a seed as they are.
        if noise.measured_crosstalk is not None:
            self._crosstalk = noise.measured_crosstalk.matrix(self.n_erring)
        else:
            self._crosstalk = self._crosstalk_matrix(noise.thermal_crosstalk, position[self._erring], rng)
        self._own_parts = ()
        if noise.own_parts is not None and self.n_erring:
            _, column, mode = position[self._erring].T
            self._own_parts = fabricate_parts(noise.own_parts, column, mode, own_rng or rng)

    @staticmethod
    def _crosstalk_matrix(
        crosstalk: ThermalCrosstalk, position: IntArray, rng: np.random.Generator
    ) -> sparse.csr_array | None:
        if crosstalk.coupling == 0.0 or position.shape[0] == 0:
            return None
        # Meshes are laid out far apart, so that neighbours are found within a mesh only.
        span = int(position[:, 1].max()) + 3
        receiver, source = crosstalk.neighbours(position[:, 0] * span + position[:, 1], position[:, 2])
        n = position.shape[0]
        values = crosstalk.draw(receiver.size, rng)
        coupled = sparse.coo_array((values, (receiver, source)), shape=(n, n))
        return sparse.csr_array(coupled + sparse.eye_array(n))

    @property
    def errors(self) -> tuple[FloatArray, FloatArray]:
        """Bias [rad] and gamma' / gamma of all shifters, (n,) each; 0 and 1 of those that are exempt."""
        bias_rad, gamma = np.zeros(self._is_drive.size), np.ones(self._is_drive.size)
        bias_rad[self._erring], gamma[self._erring] = self._bias_rad, self._gamma_ratio
        return bias_rad, gamma

    def realise(
        self, phase_rad: FloatArray, rng: np.random.Generator, drift_rad: FloatArray | None = None
    ) -> FloatArray:
        """Phases that light meets.

        Args:
            phase_rad: (P, n) programmed phases [rad].
            rng: draws the errors of this programming.
            drift_rad: (P, n_erring) what the erring shifters have drifted by [rad].

        Returns:
            (P, n) realised phases [rad].
        """
        realised = np.empty_like(phase_rad)
        for start in range(0, len(phase_rad), _SETTINGS_AT_ONCE):
            some = slice(start, start + _SETTINGS_AT_ONCE)
            drift = None if drift_rad is None else drift_rad[some]
            realised[some] = self._realise_some(phase_rad[some], rng, drift)
        return realised

    def _realise_some(
        self, phase_rad: FloatArray, rng: np.random.Generator, drift_rad: FloatArray | None
    ) -> FloatArray:
        realised = self._in_range(phase_rad)
        erring = realised[:, self._erring]
        if self._quantizer is not None:
            erring = self._quantizer.realise(erring)
        if self._stuck is not None:
            erring = apply_stuck(erring, self._stuck, self._held_rad)
        erring = erring * self._gamma_ratio
        if self._crosstalk is not None:
            erring = (self._crosstalk @ erring.T).T
        erring = erring + self._bias_rad
        for part in self._own_parts:
            erring = part(erring)
        if self._programming_std_rad > 0:
            erring = erring + self._programming_std_rad * rng.standard_normal(erring.shape)
        if drift_rad is not None:
            erring = erring + drift_rad
        realised[:, self._erring] = erring
        return realised

    def _in_range(self, phase_rad: FloatArray) -> FloatArray:
        """What drivers can set: phases modulo a turn, drives of rings from none to full."""
        turned = modulo_turn(phase_rad)
        if not self._is_drive.any():
            return turned
        return np.where(self._is_drive, np.clip(phase_rad, 0.0, TWO_PI_RAD), turned)

    def jittered(self, realised_rad: FloatArray, error_rad: FloatArray) -> FloatArray:
        """Realised phases with a further error of the erring shifters.

        Args:
            realised_rad: (n,) realised phases of one setting [rad].
            error_rad: (M, n_erring) [rad].

        Returns:
            (M, n) [rad].
        """
        phases = np.repeat(realised_rad[None], error_rad.shape[0], axis=0)
        phases[:, self._erring] += error_rad
        return phases

    def programmed(self, target_rad: FloatArray) -> FloatArray:
        """Phases to program so that the known static errors leave the wanted ones: the inverse of `realise`.

        Bias, crosstalk and gamma error are linear and are solved for together. A phase just beyond
        the reach of its shifter, which is one turn, gets the end of that reach. Rounding to the DAC grid
        remains, and so does what parts of one's own do. Stuck shifters stay where they are; the heat they
        give is accounted for.

        Args:
            target_rad: (n,) wanted phases [rad].

        Returns:
            (n,) phases in [0, 2 pi) [rad].
        """
        programmed = self._in_range(target_rad)
        turning = ~self._is_drive[self._erring]
        wanted = programmed[self._erring] - self._bias_rad
        free = np.ones(wanted.size, bool) if self._stuck is None else ~self._stuck
        drive, turns = np.where(free, programmed[self._erring], self._held_rad), 0.0
        reach = np.where(turning, np.nextafter(TWO_PI_RAD, 0.0), TWO_PI_RAD)
        for step in range(_COMPENSATION_ROUNDS):
            heat = drive * self._gamma_ratio
            received = self._crosstalk @ heat - heat if self._crosstalk is not None else 0.0
            ideal = (wanted - received) / self._gamma_ratio
            # Another turn of one shifter heats its neighbours, which may need other turns then, without
            # end: after some rounds the turns are left as they are.
            if step < _COMPENSATION_ROUNDS // 3:
                one = TWO_PI_RAD / self._gamma_ratio
                turns = turning * np.floor(ideal / one) * one
            drive = np.where(free, np.clip(ideal - turns, 0.0, reach), drive)
        programmed[self._erring] = np.where(free, drive, programmed[self._erring])
        return programmed

"""What light meets on a fabricated chip: its errors, and the cores that a setting makes with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import amplitude_transmission
from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.actuator import PhaseActuator
from photonzero.photonics.chip.layout import CoreLayout, lay_out
from photonzero.photonics.cores import Light
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels.population import common_setting
from photonzero.photonics.mesh.orthogonal import rotation_cells

FloatArray = npt.NDArray[np.float64]

_ALL_LAYERS = slice(None)

_LARGEST_GAIN = 1e15
"""Of receivers: behind 300 dB there is no light, and single precision ends at 1e38."""


class Circuit:
    """The optics of one chip: from settings to the numbers that the network kernel multiplies with.

    Args:
        design: the network.
        noise: imperfections.
        streams: seeds by what they are for: "fabrication" draws the errors of the shifters, "couplers"
            and "losses" those of the cells, "drift" what phases have drifted by at the start, and
            "wavelength" what the laser has; "own parts" is that of parts in files of the user's.

    Attributes:
        layout: where each control sits.
        drift_rad: (n_drifting,) what phases have drifted by so far; empty without drift [rad].
        offset_nm: how far the light is from the wavelength that the chip was made for [nm].
    """

    def __init__(
        self,
        design: NetworkDesign,
        noise: NoiseModel,
        streams: Mapping[str, np.random.SeedSequence],
    ) -> None:
        fabrication, couplers, losses, drift, wavelength, own, of_groups = (
            np.random.default_rng(streams[role])
            for role in ("fabrication", "couplers", "losses", "drift", "wavelength", "own parts", "groups")
        )
        self.design, self.noise, self._laser = design, noise, noise.wavelength_drift
        step_rad = noise.quantizer.step_rad if noise.quantizer is not None else 0.0
        self._couplers_err = not noise.coupler_imbalance.is_ideal or self._laser is not None
        self.layout = lay_out(design, step_rad, complex_fields=self._couplers_err)
        self._actuator = PhaseActuator(
            noise,
            self.layout.mesh_position,
            self.layout.is_singular,
            fabrication,
            self.layout.is_drive,
            own,
            (*self.layout.phase_groups, of_groups),
        )
        # Rings do not turn, and are moved as a whole.
        exempt = self.layout.is_singular & noise.ideal_singular_values
        self._follows = ~(exempt | self.layout.is_drive)
        n_phases = self.layout.phase.size
        self._coupler_errors_rad = noise.coupler_imbalance.draw_angle_error_rad((2, n_phases), couplers)
        loss = noise.insertion_loss
        self._amplitude = loss.push_pull_amplitude
        if not loss.is_uniform:
            lost_db = loss.draw_cell_db(n_phases, losses) + loss.draw_phase_shifter_db(n_phases, losses)
            self._amplitude = amplitude_transmission(lost_db)
        self._gains = {
            core.weight: core.kind.gain(core.std, noise.insertion_loss) for core in self.layout.all_cores
        }
        largest = max(self._gains.values())
        if largest > _LARGEST_GAIN:
            raise PhotonicsError(
                f"insertion_loss: {noise.insertion_loss.describe()} need receivers of gain {largest:.1e} "
                f"behind the deepest core; allowed: losses with gains up to {_LARGEST_GAIN:g}"
            )
        n_drifting = self._actuator.n_erring if noise.phase_drift.std_rad > 0 else 0
        self.drift_rad = noise.phase_drift.draw_stationary_rad(n_drifting, drift)
        self._light_at(0.0 if self._laser is None else self._laser.draw_offset_nm(wavelength))

    def _light_at(self, offset_nm: float) -> None:
        """Another wavelength; `_cells` are (n_controls, 4) of the cells that phases set, None if ideal.

        See `rotation_cells`.
        """
        self.offset_nm, self._cells = offset_nm, None
        if not self._couplers_err and self.noise.insertion_loss.is_ideal:
            return
        first, second = self._coupler_errors_rad
        if self._laser is not None:
            more_rad = self._laser.coupler_error_rad(offset_nm)
            first, second = first + more_rad, second + more_rad
        self._cells = np.full((self.layout.n_controls, 4), np.nan)
        self._cells[self.layout.phase] = rotation_cells(first, second, self._amplitude)

    def state(self) -> dict[str, Any]:
        """What has changed since fabrication, and the file that it rests on, as plain numbers and text."""
        state: dict[str, Any] = {}
        if self.drift_rad.size:
            state["drift_rad"] = self.drift_rad.tolist()
        if self._laser is not None:
            state["offset_nm"] = self.offset_nm
        if self.noise.measured_crosstalk is not None:
            state["crosstalk_sha256"] = self.noise.measured_crosstalk.sha256()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            PhotonicsError: the state of another chip, or a file that has changed since.
        """
        drift_rad = np.array(state.get("drift_rad", ()), dtype=np.float64)
        if drift_rad.shape != self.drift_rad.shape:
            n_needs = self.drift_rad.size
            raise PhotonicsError(f"chip state: {drift_rad.size} drifting phases; allowed: {n_needs}")
        if ("offset_nm" in state) != (self._laser is not None):
            found = "one" if "offset_nm" in state else "none"
            raise PhotonicsError(f"chip state: {found} offset of the wavelength; allowed: as its noise model")
        measured = self.noise.measured_crosstalk
        if measured is not None and state.get("crosstalk_sha256") != measured.sha256():
            raise PhotonicsError(f"measured_crosstalk: {measured.file}: not the file that the run began with")
        self.drift_rad = drift_rad
        if self._laser is not None:
            self._light_at(float(state["offset_nm"]))

    def wait(self, elapsed_s: float, rng: np.random.Generator) -> None:
        """Let time pass.

        Args:
            elapsed_s: >= 0 [s].
            rng: of what drifts.
        """
        if self._laser is not None:
            self._light_at(self._laser.step_nm(self.offset_nm, elapsed_s, rng))
        if self.drift_rad.size:
            self.drift_rad = self.noise.phase_drift.step_rad(self.drift_rad, elapsed_s, rng)

    def program(self, controls: FloatArray, n_inferences: int, rng: np.random.Generator) -> FloatArray:
        """Program settings one after the other; time passes.

        Args:
            controls: (P, n_controls).
            n_inferences: inputs that will be presented to each.
            rng: of this measurement.

        Returns:
            (P, n_controls), with what light and electronics meet instead of what was asked for.
        """
        drift_rad = np.empty((controls.shape[0], self.drift_rad.size))
        elapsed_s = self.noise.timing.elapsed_s(n_inferences)
        if self._laser is not None:
            # Constant during a measurement: right while that is short against the laser's time.
            self._light_at(self._laser.step_nm(self.offset_nm, len(controls) * elapsed_s, rng))
        if drift_rad.size:
            # Constant while the inputs of one setting pass: right while that is short against tau.
            for row in drift_rad:
                row[:] = self.noise.phase_drift.step_rad(self.drift_rad, elapsed_s, rng)
                self.drift_rad = row.copy()
        return self._realised(controls, drift_rad, rng)

    def _realised(self, controls: FloatArray, drift_rad: FloatArray, rng: np.random.Generator) -> FloatArray:
        phase = self.layout.phase
        realised = controls.copy()
        drift = drift_rad if drift_rad.size else None
        met = self._actuator.realise(controls[:, phase], rng, drift)
        if self._laser is not None:
            met = np.where(self._follows, self._laser.phases_rad(met, self.offset_nm), met)
        realised[:, phase] = met
        for start, stop, step, largest in self.layout.integer:
            codes = np.clip(np.rint(controls[:, start:stop] / step), -largest, largest)
            realised[:, start:stop] = step * codes
        return realised

    def jittered(self, realised: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """One realised setting (n_controls,) with n draws of the phase jitter, (n, n_controls)."""
        phase = self.layout.phase
        errors_rad = self.noise.phase_jitter.draw_rad((n, self._actuator.n_erring), rng)
        settings = np.repeat(realised[None], n, axis=0)
        settings[:, phase] = self._actuator.jittered(realised[phase], errors_rad)
        return settings

    def weights(self, realised: FloatArray, layers: slice = _ALL_LAYERS) -> tuple[FloatArray, FloatArray]:
        """What the network kernel reads.

        Args:
            realised: (P, n_controls) from `program`.
            layers: whose cores are needed; those of others stay 0.

        Returns:
            Weights (P, n_weights) and biases (P, n_biases).
        """
        layout = self.layout
        weights = np.zeros((realised.shape[0], layout.n_weights))
        parts = (self.design.layers[layers], layout.cores[layers], layout.gains[layers])
        for layer, cores, gain in zip(*parts, strict=True):
            # The layer is linear in each of its cores: its gain is carried by the first.
            factor = realised[:, [gain]] if gain >= 0 else layer.gain
            for core in cores:
                matrix = self._core_of_each(realised, core)
                stop = core.weight + core.n_weights
                weights[:, core.weight : stop] = matrix if factor is None else factor * matrix
                factor = None
        weights[:, layout.readout_weight :] = realised[:, layout.readout]
        return weights, realised[:, layout.bias]

    def _core_of_each(self, realised: FloatArray, core: CoreLayout) -> FloatArray:
        """`_core_matrix`; probes of one control each leave most meshes as they are, which are built once."""
        if not core.kind.is_optical:
            return self._core_matrix(realised, core)
        used = realised[:, core.controls]
        changed = (used != common_setting(used)).any(axis=1)
        if 2 * changed.sum() >= len(realised):
            return self._core_matrix(realised, core)
        rows = np.flatnonzero(changed)
        distinct = self._core_matrix(realised[[np.argmin(changed), *rows]], core)
        place = np.zeros(len(realised), np.int64)
        place[rows] = np.arange(1, rows.size + 1)
        return distinct[place]

    def _core_matrix(self, realised: FloatArray, core: CoreLayout) -> FloatArray:
        """Core of every candidate as the kernel reads it, (P, n_weights)."""
        full = self._unfolded(realised, core)
        real = np.real(full) if core.quadratures == (1, 1) else _split_quadratures(full, core)
        return real.reshape(full.shape[0], -1)

    def _unfolded(self, realised: FloatArray, core: CoreLayout) -> npt.NDArray[Any]:
        """Core of every candidate, (P, rows, columns); complex where couplers err."""
        settings = [realised[:, part] for part in core.parts]
        cells = None
        if self._cells is not None and core.kind.carries_fields:
            cells = [self._cells[part] for part in core.parts]
        light = Light(self._gains[core.weight], cells, self.offset_nm)
        return core.kind.matrices(settings, core.rows, core.columns, light)

    def phase_errors(self) -> tuple[FloatArray, FloatArray]:
        """Bias [rad] and gamma' / gamma of every control, (n_controls,) each; 0 and 1 of what is no phase."""
        bias_rad, gamma = np.zeros(self.layout.n_controls), np.ones(self.layout.n_controls)
        bias_rad[self.layout.phase], gamma[self.layout.phase] = self._actuator.errors
        return bias_rad, gamma

    def cores(
        self, controls: FloatArray, rng: np.random.Generator
    ) -> tuple[tuple[npt.NDArray[Any], ...], ...]:
        """Cores that settings would make now; nothing is programmed and no time passes.

        Args:
            controls: (P, n_controls).
            rng: draws the errors of a programming.

        Returns:
            Per layer, per core, (P, r_{k-1} m_k, n_k r_k), without the layer's gain; complex where
            couplers err.

        Raises:
            PhotonicsError: a wrong shape.
        """
        n_controls = self.layout.n_controls
        if controls.ndim != 2 or controls.shape[1] != n_controls:
            raise PhotonicsError(f"controls: shape {controls.shape}; allowed: (P, {n_controls})")
        realised = self._realised(controls, np.repeat(self.drift_rad[None], len(controls), axis=0), rng)
        return tuple(tuple(self._unfolded(realised, core) for core in cores) for cores in self.layout.cores)

    def compensated(self, controls: FloatArray) -> FloatArray:
        """Controls that make this chip, its static errors known, what an ideal one is with `controls`.

        See `photonzero.photonics.networks.load.compensate`.
        """
        compensated, phase = controls.copy(), self.layout.phase
        wanted = controls[phase]
        if self._cells is not None:
            # Real parts are a cos and b sin of the angle: their ratio is restored; of an attenuator, a cos.
            a, b = self._cells[phase, 0], self._cells[phase, 2]
            amplitude = self.noise.insertion_loss.push_pull_amplitude
            reachable = np.clip(np.cos(wanted) * amplitude / a, -1.0, 1.0)
            attenuator = np.copysign(np.arccos(reachable), np.sin(wanted))
            rotation = np.arctan2(np.sin(wanted) / b, np.cos(wanted) / a)
            corrected = np.where(self.layout.is_singular, attenuator, rotation)
            wanted = np.where(self.layout.is_drive, wanted, corrected)
        compensated[phase] = self._actuator.programmed(wanted)
        return compensated


def _split_quadratures(matrix: npt.NDArray[np.complex128], core: CoreLayout) -> FloatArray:
    """A complex core as the real one that carries both quadratures as one more index of each rank.

    Args:
        matrix: (P, r_{k-1} m_k, n_k r_k) unfolded cores.
        core: their shape, and the quadratures that come in and go out.

    Returns:
        (P, r_{k-1} q_out m_k, n_k r_k q_in): ``[[Re, -Im], [Im, Re]]``, or the first row or column of it.
    """
    left, m, n, right = core.shape
    z = matrix.reshape(-1, left, m, n, right)
    pairs = np.stack([np.stack([z.real, -z.imag], axis=-1), np.stack([z.imag, z.real], axis=-1)], axis=2)
    quadratures_in, quadratures_out = core.quadratures
    return pairs[:, :, :quadratures_out, ..., :quadratures_in].reshape(
        -1, core.stage_rows, core.stage_columns
    )

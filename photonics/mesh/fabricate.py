"""From a noise model to one fabricated mesh, with the parts and the order of errors that a chip has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.actuator import PhaseActuator
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.picture import as_html
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.photonics.mesh.transfer import build, propagate

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[Any]


class FabricatedMesh:
    """A mesh with errors of its own: it is programmed with phases, and light meets others.

    Make one with `fabricate_mesh`. A setting that is built or sent light through is programmed anew: the
    static errors are the same every time; programming errors, jitter, drift and wavelength are not.

    Attributes:
        topology: the mesh.
        noise: its kinds of error.
        imperfections: the static errors of its cells.
    """

    def __init__(self, topology: MeshTopology, noise: NoiseModel, rng: np.random.Generator) -> None:
        self.topology, self.noise = topology, noise
        # Couplers first, from the generator itself: their numbers depend on no other part.
        couplers = noise.coupler_imbalance.draw_angle_error_rad((2, topology.n_mzi), rng)
        phases, losses, self._rng = rng.spawn(3)
        of_shifters = MeshPhases.from_joined(
            topology, noise.insertion_loss.draw_phase_shifter_db(topology.n_shifters, losses)
        )
        self.imperfections = MeshImperfections(
            coupler_in_error_rad=couplers[0],
            coupler_out_error_rad=couplers[1],
            cell_loss_db=noise.insertion_loss.draw_cell_db(topology.n_mzi, losses),
            theta_loss_db=of_shifters.theta_rad,
            phi_loss_db=of_shifters.phi_rad,
            out_loss_db=of_shifters.out_phase_rad,
            edge_loss_db=of_shifters.edge_phase_rad,
        )
        column, mode = topology.shifter_places()
        # One mesh; a column may stand before the first layer.
        position = np.stack([np.zeros_like(column), column - column.min(), mode], axis=1)
        # Spawned only where it is used: the generator may be spawned from again by its owner.
        own = rng.spawn(1)[0] if noise.own_parts is not None else None
        groups = (*_groups(topology), rng.spawn(1)[0]) if noise.group_std_rad is not None else None
        exempt = np.zeros(column.size, bool)
        self._actuator = PhaseActuator(noise, position, exempt, phases, own_rng=own, groups=groups)
        self._drift_rad = noise.phase_drift.draw_stationary_rad(column.size, phases)
        laser = noise.wavelength_drift
        dynamic = noise.programming_std_rad, noise.phase_jitter.std_rad, noise.phase_drift.std_rad
        self._is_static = laser is None and not any(dynamic)
        self._offset_nm = 0.0 if laser is None else laser.draw_offset_nm(phases)

    def __repr__(self) -> str:
        return f"FabricatedMesh({self.topology!r}, {self.noise.describe()})"

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.topology)

    def realised(self, phases: Sequence[npt.ArrayLike]) -> MeshPhases:
        """Phases that light meets after a setting, or P settings one after the other, were programmed.

        Args:
            phases: theta, phi, output and edge phases, as of `MeshPhases` [rad].

        Raises:
            PhotonicsError: parts with different numbers of settings, or a wrong number of phases.
        """
        return self._programmed(phases)[0]

    def _programmed(self, phases: Sequence[npt.ArrayLike]) -> tuple[MeshPhases, FloatArray]:
        """What light meets: phases, and offsets (P,) of its wavelength [nm]."""
        asked = MeshPhases.checked(self.topology, phases)
        joined = asked.joined()
        rows = joined.reshape(-1, self.topology.n_shifters)
        offset_nm = np.zeros(len(rows))
        if self.noise.phases_are_ideal:
            return asked, offset_nm
        if self._is_static:
            realised = self._actuator.realise(rows, self._rng)
        else:
            # One after the other: a setting meets the same whether or not others are handed over with it.
            realised = np.empty_like(rows)
            for p, row in enumerate(rows):
                realised[p], offset_nm[p] = self._programmed_later(row)
        return MeshPhases.from_joined(self.topology, realised.reshape(joined.shape)), offset_nm

    def _programmed_later(self, phase_rad: FloatArray) -> tuple[FloatArray, float]:
        """One setting (n_shifters,) with what changes in time; time passes."""
        jitter, drift, laser = self.noise.phase_jitter, self.noise.phase_drift, self.noise.wavelength_drift
        elapsed_s = self.noise.timing.elapsed_s(1)
        self._drift_rad = drift.step_rad(self._drift_rad, elapsed_s, self._rng)
        error_rad = self._drift_rad + jitter.draw_rad(phase_rad.size, self._rng)
        realised = self._actuator.realise(phase_rad[None], self._rng, error_rad[None])[0]
        if laser is None:
            return realised, 0.0
        self._offset_nm = laser.step_nm(self._offset_nm, elapsed_s, self._rng)
        return laser.phases_rad(realised, self._offset_nm), self._offset_nm

    def _imperfections_at(self, offset_nm: float) -> MeshImperfections:
        """The static errors of the cells, couplers at another wavelength."""
        if self.noise.wavelength_drift is None:
            return self.imperfections
        more_rad = self.noise.wavelength_drift.coupler_error_rad(offset_nm)
        return replace(
            self.imperfections,
            coupler_in_error_rad=self.imperfections.coupler_in_error_rad + more_rad,
            coupler_out_error_rad=self.imperfections.coupler_out_error_rad + more_rad,
        )

    def compensated(self, phases: Sequence[npt.ArrayLike]) -> MeshPhases:
        """Phases of one setting to program so that known static errors of phases leave those asked for.

        What the DAC's grid, stuck shifters and couplers do remains.
        """
        asked = MeshPhases.checked(self.topology, phases).joined()
        return MeshPhases.from_joined(self.topology, self._actuator.programmed(asked))

    def matrix(self, phases: Sequence[npt.ArrayLike], *, threads: int = 1) -> ComplexArray:
        """Transfer matrix of a setting, (N, N), or of P settings, (P, N, N).

        Args:
            phases: theta, phi, output and edge phases, as of `MeshPhases` [rad].
            threads: at most this many share the settings; their number does not change a bit.

        Raises:
            PhotonicsError: as `realised`.
        """
        realised, offset_nm = self._programmed(phases)
        if np.all(offset_nm == offset_nm[0]):
            errors = self._imperfections_at(offset_nm[0])
            return build(self.topology, *realised, imperfections=errors, threads=threads)
        rows = realised.joined()
        settings = [MeshPhases.from_joined(self.topology, row) for row in rows]
        errors = [self._imperfections_at(offset) for offset in offset_nm]
        pairs = zip(settings, errors, strict=True)
        return np.stack([build(self.topology, *each, imperfections=error) for each, error in pairs])

    def propagate(self, fields: npt.ArrayLike, phases: Sequence[npt.ArrayLike]) -> ComplexArray:
        """Fields sent through, as `photonzero.photonics.mesh.propagate`.

        Args:
            fields: (N, B), or (P, N, B).
            phases: theta, phi, output and edge phases, as of `MeshPhases` [rad].

        Raises:
            PhotonicsError: as `realised` and `photonzero.photonics.mesh.propagate`.
        """
        if self.noise.wavelength_drift is not None:
            return self.matrix(phases) @ np.asarray(fields)
        return propagate(self.topology, fields, *self.realised(phases), imperfections=self.imperfections)


def _groups(topology: MeshTopology) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the groups of shifters, and the place of each shifter's among them, (n_shifters,)."""
    n = topology.n_layers
    kinds = ("theta", "phi", "edge")
    names = [f"layer{k}/{kind}" for kind in kinds for k in range(n + (kind == "edge"))]
    out = np.full(topology.n_modes, len(names))
    places = (topology.layer, n + topology.layer, out, 2 * n + topology.edge_layer)
    return [*names, "out"], np.concatenate(places)


def fabricate_mesh(
    topology: MeshTopology, noise: NoiseModel, rng: np.random.Generator | int = 0
) -> FabricatedMesh:
    """Fabricate a mesh: draw its static errors once.

    Of the noise model a mesh has what concerns cells and phases; converters, light and detectors are
    outside of it. Every phase errs, `ideal_singular_values` or not: a mesh has none.

    Args:
        topology: the mesh.
        noise: its kinds of error; an ideal model gives the bits of `photonzero.photonics.mesh.build`.
        rng: draws the errors, now and of later programmings; or a seed.
    """
    return FabricatedMesh(topology, noise, np.random.default_rng(rng))

"""From a noise model to one fabricated mesh, with the parts and the order of errors that a chip has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.actuator import PhaseActuator
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.photonics.mesh.transfer import build, propagate

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[Any]


class FabricatedMesh:
    """A mesh with errors of its own: it is programmed with phases, and light meets others.

    Make one with `fabricate_mesh`. A setting that is built or sent light through is programmed anew: the
    static errors are the same every time, programming errors, drift and jitter are not.

    Attributes:
        topology: the mesh.
        noise: its kinds of error.
        imperfections: the static errors of its cells.
    """

    def __init__(self, topology: MeshTopology, noise: NoiseModel, rng: np.random.Generator) -> None:
        self.topology, self.noise = topology, noise
        # Couplers first, from the generator itself: their numbers depend on no other part.
        couplers = noise.coupler_imbalance.draw_angle_error_rad((2, topology.n_mzi), rng)
        phases, self._rng = rng.spawn(2)
        self.imperfections = MeshImperfections(
            coupler_in_error_rad=couplers[0],
            coupler_out_error_rad=couplers[1],
            cell_loss_db=noise.insertion_loss.cell_db,
            theta_loss_db=noise.insertion_loss.phase_shifter_db,
            phi_loss_db=noise.insertion_loss.phase_shifter_db,
            out_loss_db=noise.insertion_loss.phase_shifter_db,
            edge_loss_db=noise.insertion_loss.phase_shifter_db,
        )
        column, mode = topology.shifter_places()
        # One mesh; a column may stand before the first layer.
        position = np.stack([np.zeros_like(column), column - column.min(), mode], axis=1)
        self._actuator = PhaseActuator(noise, position, np.zeros(column.size, bool), phases)
        self._drift_rad = noise.phase_drift.draw_stationary_rad(column.size, phases)

    def __repr__(self) -> str:
        return f"FabricatedMesh({self.topology!r}, {self.noise.describe()})"

    def realised(self, phases: Sequence[npt.ArrayLike]) -> MeshPhases:
        """Phases that light meets after a setting, or P settings one after the other, were programmed.

        Args:
            phases: theta, phi, output and edge phases, as of `MeshPhases` [rad].

        Raises:
            PhotonicsError: parts with different numbers of settings, or a wrong number of phases.
        """
        asked = MeshPhases.checked(self.topology, phases)
        if self.noise.phases_are_ideal:
            return asked
        joined = asked.joined()
        rows = joined.reshape(-1, self.topology.n_shifters)
        error_rad = self.noise.phase_jitter.draw_rad(rows.shape, self._rng)
        if self.noise.phase_drift.std_rad > 0:
            elapsed_s = self.noise.timing.elapsed_s(1)
            for row in error_rad:
                self._drift_rad = self.noise.phase_drift.step_rad(self._drift_rad, elapsed_s, self._rng)
                row += self._drift_rad
        realised = self._actuator.realise(rows, self._rng, error_rad)
        return MeshPhases.from_joined(self.topology, realised.reshape(joined.shape))

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
        realised = self.realised(phases)
        return build(self.topology, *realised, imperfections=self.imperfections, threads=threads)

    def propagate(self, fields: npt.ArrayLike, phases: Sequence[npt.ArrayLike]) -> ComplexArray:
        """Fields sent through, as `photonzero.photonics.mesh.propagate`.

        Args:
            fields: (N, B), or (P, N, B).
            phases: theta, phi, output and edge phases, as of `MeshPhases` [rad].

        Raises:
            PhotonicsError: as `realised` and `photonzero.photonics.mesh.propagate`.
        """
        return propagate(self.topology, fields, *self.realised(phases), imperfections=self.imperfections)


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

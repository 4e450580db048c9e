"""A mesh with errors, as it is described to whoever programs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.photonics.calibration.meshes.propagation import Couplers, Rays
from photonzero.photonics.mesh import MeshImperfections, MeshPhases, MeshTopology, build, propagate

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]


_ROUNDS = 12
"""Of heat that neighbours give each other: each leaves some percent of the one before."""


@dataclass(frozen=True, eq=False)
class MeshErrors:
    """What fabrication did to the shifters and couplers of a mesh.

    A shifter that is programmed to p turns light by ``w + coupling * (w of its neighbours) + bias``,
    ``w = gamma p``.

    Attributes:
        bias_rad: (n_shifters,) [rad].
        couplers_rad: (2, n_mzi) angle errors, those of the couplers that light meets first, first [rad].
        gamma: (n_shifters,) how far a shifter turns for what it is told.
        coupling: part of a neighbour's heat that reaches a shifter.
    """

    bias_rad: FloatArray
    couplers_rad: FloatArray
    gamma: FloatArray
    coupling: float = 0.0

    def moved(self, step: MeshErrors) -> MeshErrors:
        """These errors and a change of them."""
        return MeshErrors(
            self.bias_rad + step.bias_rad,
            self.couplers_rad + step.couplers_rad,
            self.gamma + step.gamma,
            self.coupling + step.coupling,
        )


@dataclass(frozen=True, eq=False)
class MeshReadings:
    """What detectors read of R vectors at S settings.

    Attributes:
        phases_rad: (S, n_shifters) that were programmed [rad].
        setting: (R,) at which setting each vector was presented.
        fields: (N, R) that were presented.
        readings: (N, R) fields behind the mesh, or powers.
    """

    phases_rad: FloatArray
    setting: IntArray
    fields: FieldArray
    readings: npt.NDArray[np.complex128 | np.float64]

    @classmethod
    def joined(cls, parts: Sequence[MeshReadings]) -> MeshReadings:
        """All of several."""
        before = np.cumsum([0, *(len(part.phases_rad) for part in parts[:-1])])
        return cls(
            np.concatenate([part.phases_rad for part in parts]),
            np.concatenate([part.setting + first for part, first in zip(parts, before, strict=True)]),
            np.concatenate([part.fields for part in parts], axis=1),
            np.concatenate([part.readings for part in parts], axis=1),
        )


@dataclass(frozen=True, eq=False)
class MeshModel:
    """A mesh of asymmetric cells with its errors.

    Attributes:
        topology: of the mesh.
        errors: of its parts.
    """

    topology: MeshTopology
    errors: MeshErrors

    @cached_property
    def neighbours(self) -> sparse.csr_array:
        """(n, n) who heats whom, ones."""
        receiver, source = ThermalCrosstalk.neighbours(*_from_zero(self.topology))
        n = self.topology.n_shifters
        return sparse.csr_array((np.ones(receiver.size), (receiver, source)), shape=(n, n))

    def realised(self, phases_rad: FloatArray) -> FloatArray:
        """Phases (S, n_shifters) that light meets for programmed ones [rad]."""
        errors = self.errors
        heat = phases_rad * errors.gamma
        if errors.coupling:
            heat = heat + errors.coupling * (self.neighbours @ heat.T).T
        return heat + errors.bias_rad

    def programmed(self, wanted_rad: FloatArray) -> FloatArray:
        """Phases (n_shifters,) in [0, 2 pi) to program so that light meets wanted ones, modulo turns [rad].

        The heat of neighbours is taken into account; what another turn of a shifter gives to others is left.
        """
        errors = self.errors
        turn = 2.0 * np.pi / errors.gamma
        programmed = np.mod((wanted_rad - errors.bias_rad) / errors.gamma, turn)
        for _ in range(_ROUNDS if errors.coupling else 0):
            received = errors.coupling * (self.neighbours @ (programmed * errors.gamma))
            ideal = (wanted_rad - errors.bias_rad - received) / errors.gamma
            # The turn that was chosen first stays: another one would heat neighbours anew, without end.
            programmed = ideal - np.round((ideal - programmed) / turn) * turn
        return np.clip(programmed, 0.0, np.nextafter(2.0 * np.pi, 0.0))

    def matrices(self, phases_rad: FloatArray) -> FieldArray:
        """Transfer matrices (S, N, N) for programmed phases (S, n_shifters)."""
        couplers = MeshImperfections(*self.errors.couplers_rad)
        met = MeshPhases.from_joined(self.topology, self.realised(phases_rad))
        return build(self.topology, *met, imperfections=couplers)

    def propagated(self, phases_rad: FloatArray, fields: FieldArray) -> FieldArray:
        """What vectors (S, B, N) become at programmed phases (S, n_shifters)."""
        couplers = MeshImperfections(*self.errors.couplers_rad)
        met = MeshPhases.from_joined(self.topology, self.realised(phases_rad))
        columns = fields.swapaxes(1, 2)
        return propagate(self.topology, columns, *met, imperfections=couplers).swapaxes(1, 2)

    def rays(self, data: MeshReadings) -> Rays:
        """The vectors of some readings on their way."""
        met = self.realised(data.phases_rad).T[:, data.setting]
        return Rays.sent(self.topology, Couplers.of(self.errors.couplers_rad), met, data.fields)


def _from_zero(topology: MeshTopology) -> tuple[IntArray, IntArray]:
    column, mode = topology.shifter_places()
    return column - column.min(), mode

"""A unitary matrix loaded onto a mesh whose errors are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.access import MeshReader
from photonzero.photonics.calibration.meshes.fit import fitted
from photonzero.photonics.calibration.meshes.model import MeshErrors, MeshModel, MeshReadings
from photonzero.photonics.calibration.meshes.self_configuration import self_configured
from photonzero.photonics.mesh import decompose

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]

_STEPS = 6
"""Of the fit that makes up for couplers: what it has not gained by then takes long."""

_NEAR = 1e-8
"""Relative distance from the matrix below which nothing is left to fit."""


def loaded(model: MeshModel, unitary: npt.ArrayLike) -> FloatArray:
    """Phases (n_shifters,) to program so that a mesh with errors comes as near to a matrix as it can [rad].

    The model is configured by nulling, as a mesh would be, but for noise. Where couplers keep a cell from
    what it should do, a fit of all phases makes up for it. No vector is sent through the mesh.

    Args:
        model: of a triangular mesh, or a rectangular one of an even number of modes.
        unitary: (N, N).

    Raises:
        PhotonicsError: no unitary matrix of this size, or another mesh.
    """
    topology, wanted = model.topology, np.asarray(unitary, np.complex128)
    decompose(topology, wanted)
    none = np.zeros(topology.n_shifters)
    met = MeshModel(topology, MeshErrors(none, model.errors.couplers_rad, np.ones(none.size)))
    phases = self_configured(MeshReader(_Silent(met)), wanted, none[: topology.n_mzi])
    data = MeshReadings(
        none[None],
        np.zeros(topology.n_modes, np.int64),
        np.eye(topology.n_modes, dtype=np.complex128),
        wanted,
    )
    if np.linalg.norm(met.matrices(phases) - wanted) > _NEAR * np.linalg.norm(wanted):
        near = MeshModel(topology, replace(met.errors, bias_rad=phases))
        phases = fitted(near, data, 1.0, couplers=False, steps=_STEPS).errors.bias_rad
    return model.programmed(phases)


class _Silent:
    """A model in the place of a mesh.

    Attributes:
        topology: of the mesh.
        step_rad: of no DAC.
    """

    def __init__(self, model: MeshModel) -> None:
        self._model, self.topology, self.step_rad = model, model.topology, 0.0

    def measure_mesh(self, phases_rad: FloatArray, fields: FieldArray) -> FieldArray:
        """As `MeshAccess.measure_mesh`, without noise."""
        return self._model.propagated(phases_rad, fields)

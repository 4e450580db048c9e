"""The slow, obvious twin of the kernels: a product of embedded 2x2 matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import amplitude_transmission
from photonzero.photonics.mesh.cell import ComplexArray, cell_matrix
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.topology import MeshTopology


def build_by_embedding(
    topology: MeshTopology,
    theta_rad: npt.ArrayLike,
    phi_rad: npt.ArrayLike,
    out_phase_rad: npt.ArrayLike,
    edge_phase_rad: npt.ArrayLike | None = None,
    *,
    imperfections: MeshImperfections | None = None,
) -> ComplexArray:
    """Transfer matrix (N, N) of one setting; as `photonzero.photonics.mesh.build`, in O(N^4), unchecked."""
    errors = imperfections or MeshImperfections()
    n, n_mzi = topology.n_modes, topology.n_mzi
    part = {
        name: np.broadcast_to(getattr(errors, name), (n_mzi,))
        for name in MeshImperfections.__dataclass_fields__
        if name not in ("out_loss_db", "edge_loss_db")
    }
    theta, phi = np.asarray(theta_rad), np.asarray(phi_rad)
    edge_phase = np.zeros(topology.n_edge) if edge_phase_rad is None else np.asarray(edge_phase_rad)
    edge = amplitude_transmission(np.asarray(errors.edge_loss_db)) * np.exp(1j * edge_phase)
    unitary = np.eye(n, dtype=np.complex128)
    for layer in range(topology.n_layers + 1):
        for k in np.flatnonzero(topology.edge_layer == layer):
            unitary[topology.edge_row[k]] *= edge[k]
        for k in np.flatnonzero(topology.layer == layer):
            modes = np.array([topology.row[k], topology.partner[k]])
            embedded = np.eye(n, dtype=np.complex128)
            embedded[np.ix_(modes, modes)] = cell_matrix(
                theta[k],
                phi[k],
                topology.cell,
                coupler_in_error_rad=part["coupler_in_error_rad"][k],
                coupler_out_error_rad=part["coupler_out_error_rad"][k],
                cell_loss_db=part["cell_loss_db"][k],
                theta_loss_db=part["theta_loss_db"][k],
                phi_loss_db=part["phi_loss_db"][k],
            )
            unitary = embedded @ unitary
    out = amplitude_transmission(np.asarray(errors.out_loss_db)) * np.exp(1j * np.asarray(out_phase_rad))
    return np.broadcast_to(out, (n,))[:, None] * unitary

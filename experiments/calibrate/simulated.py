"""What only a simulator knows: the errors that a chip was fabricated with, to compare what was found with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration import LayerWiring, PhaseErrors
from photonzero.photonics.chip.chip import Chip
from photonzero.photonics.mesh import FabricatedMesh, MeshPhases

FloatArray = npt.NDArray[np.float64]


def true_errors(chip: Chip, wiring: LayerWiring) -> PhaseErrors:
    """Biases, gammas and crosstalk of a layer of a simulated chip; nothing of it goes into a calibration."""
    bias_rad, gamma = chip.circuit.phase_errors()
    controls = wiring.controls
    return PhaseErrors(
        np.asarray(bias_rad[controls]), np.asarray(gamma[controls]), chip.noise.thermal_crosstalk.coupling
    )


def true_mesh_errors(mesh: FabricatedMesh) -> tuple[FloatArray, FloatArray]:
    """Biases (n_shifters,) and angle errors of couplers (2, n_mzi) of a simulated mesh [rad]."""
    nothing = np.zeros(mesh.topology.n_shifters)
    # Programmed to nothing, shifters give no heat.
    bias_rad = mesh.realised(MeshPhases.from_joined(mesh.topology, nothing)).joined()
    part, shape = mesh.imperfections, (mesh.topology.n_mzi,)
    couplers = (part.coupler_in_error_rad, part.coupler_out_error_rad)
    return bias_rad, np.stack([np.broadcast_to(error, shape) for error in couplers])

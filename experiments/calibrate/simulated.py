"""What only a simulator knows: the errors that a chip was fabricated with, to compare what was found with."""

from __future__ import annotations

import numpy as np

from photonzero.photonics.calibration import LayerWiring, PhaseErrors
from photonzero.photonics.chip.chip import Chip


def true_errors(chip: Chip, wiring: LayerWiring) -> PhaseErrors:
    """Biases, gammas and crosstalk of a layer of a simulated chip; nothing of it goes into a calibration."""
    bias_rad, gamma = chip.circuit.phase_errors()
    controls = wiring.controls
    return PhaseErrors(
        np.asarray(bias_rad[controls]), np.asarray(gamma[controls]), chip.noise.thermal_crosstalk.coupling
    )

"""A chip in a laboratory, as far as training can tell: nothing here imports photonics."""

import os

# As the command does, before NumPy is loaded: workers of the suite must not fight for the processors.
for library in ("OPENBLAS", "MKL", "OMP", "VECLIB"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from photonzero.training.oracle import ControlGroup, Stencil  # noqa: E402


class LabChip:
    """16 random sine features of a physical system with eight unknown settings; a digital readout."""

    def __init__(self, dim=3, seed=0):
        rng = np.random.default_rng(seed)
        self._frequency = 0.5 * rng.standard_normal((16, dim))
        self._mixing = rng.standard_normal((16, 8))
        self.n_controls = 8 + 16 + 1
        self.control_groups = {
            "heaters": ControlGroup(0, 8, "phase", grid_step=2 * np.pi / 255),
            "readout": ControlGroup(8, 24, "digital", scale=0.25),
            "offset": ControlGroup(24, 25, "digital"),
        }
        self.presented = 0

    def measure(self, controls, inputs):
        points = inputs.points() if isinstance(inputs, Stencil) else inputs
        self.presented += len(controls) * len(points)
        phase = controls[:, :8] @ self._mixing.T
        features = np.sin(points @ self._frequency.T + phase[:, None, :])
        return (features @ controls[:, 8:24, None]) + controls[:, None, 24:]


@pytest.fixture
def lab_chip():
    return LabChip()

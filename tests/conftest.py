"""What all tests share; nothing here imports photonics."""

import os

# As the command does, before NumPy is loaded: workers of the suite must not fight for the processors.
for library in ("OPENBLAS", "MKL", "OMP", "VECLIB"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest  # noqa: E402

from photonzero.training.testing import LabChip  # noqa: E402


@pytest.fixture
def lab_chip():
    return LabChip()

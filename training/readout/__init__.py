"""The digital readout: what stands behind a chip's last detectors, known exactly.

The light of the last layer is read as features, and electronics combine them,
``outputs = features @ weight.T + bias``. A chip that shows its features is a `ReadoutOracle`. What was
measured of it comes with a `Readout`, which says at no inference what other weights would have given, and
`ReadoutSolver` finds the best of them.
"""

from photonzero.training.oracle import ReadoutOracle, readout_controls
from photonzero.training.readout.base import Readout, missing_readout
from photonzero.training.readout.combined import JoinedReadout, ScaledReadout
from photonzero.training.readout.linear import LinearReadout
from photonzero.training.readout.solver import ReadoutSolver

__all__ = [
    "JoinedReadout",
    "LinearReadout",
    "Readout",
    "ReadoutOracle",
    "ReadoutSolver",
    "ScaledReadout",
    "missing_readout",
    "readout_controls",
]

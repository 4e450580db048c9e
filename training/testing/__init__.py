"""Contract suites that ship: a PDE, a chip or an optimizer of one's own inherits what the project's pass.

    from photonzero.testing import OptimizerContract

    class TestMine(OptimizerContract):
        method = "my.py:Mine"

pytest finds the tests of such a class by itself; nothing here imports it.
"""

from photonzero.training.testing.callbacks import CallbackContract
from photonzero.training.testing.chips import LabChip, LastLayerLabChip, LayeredLabChip, ReadoutLabChip
from photonzero.training.testing.optimizers import OptimizerContract
from photonzero.training.testing.oracles import OracleContract
from photonzero.training.testing.problems import ProblemContract
from photonzero.training.testing.stencils import StencilContract

__all__ = [
    "CallbackContract",
    "LabChip",
    "LastLayerLabChip",
    "LayeredLabChip",
    "OptimizerContract",
    "OracleContract",
    "ProblemContract",
    "ReadoutLabChip",
    "StencilContract",
]

"""Contract suites that ship: what every thing of a kind promises, as classes that a test file inherits.

    from photonzero.testing import OptimizerContract, ProblemContract

    class TestMine(OptimizerContract):
        method = "my.py:Mine"

    class TestMyProblem(ProblemContract):
        @pytest.fixture
        def problem(self):
            return MyProblem()

They need no test runner of their own: pytest finds the tests of such a class by itself, and nothing here
imports it.
"""

from photonzero.training.testing.chips import LabChip, ReadoutLabChip
from photonzero.training.testing.optimizers import OptimizerContract
from photonzero.training.testing.oracles import OracleContract
from photonzero.training.testing.problems import ProblemContract

__all__ = ["LabChip", "OptimizerContract", "OracleContract", "ProblemContract", "ReadoutLabChip"]

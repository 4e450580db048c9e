"""Contract suites: what every thing of a kind promises, as classes that a test file inherits.

They need no test runner of their own: methods take what is tested as an argument, which pytest fills from a
fixture, and use plain assertions.

    class TestMyProblem(ProblemContract):
        @pytest.fixture
        def problem(self):
            return MyProblem()
"""

from photonzero.training.testing.problems import ProblemContract

__all__ = ["ProblemContract"]

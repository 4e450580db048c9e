"""What every PDE promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from photonzero.training.objective import PinnObjective, PointOptions
from photonzero.training.objective.verify import verify_reference
from photonzero.training.oracle import Array, ControlGroup, Inputs, Stencil, readout_controls
from photonzero.training.pde import PDE, sample_condition
from photonzero.training.pde.terms import problem_terms
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule

_FEATURES = 6


class SineChip:
    """Random sine features of the inputs, and a digital readout: smooth enough for any PDE.

    Args:
        n_inputs: number of coordinates of an input vector.
        n_outputs: number of outputs.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        rng = np.random.default_rng(0)
        self._frequency = rng.standard_normal((_FEATURES, n_inputs)) / np.sqrt(n_inputs)
        self._n_outputs = n_outputs
        n_weights = n_outputs * _FEATURES
        self.n_controls = _FEATURES + n_weights + n_outputs
        self.readout_weight = slice(_FEATURES, _FEATURES + n_weights)
        self.readout_bias = slice(_FEATURES + n_weights, self.n_controls)
        self.control_groups: Mapping[str, ControlGroup] = {
            "phases": ControlGroup(0, _FEATURES, "phase"),
            "readout": ControlGroup(_FEATURES, self.n_controls, "digital"),
        }

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """Sines of a random projection of the inputs, shifted by the phases, (P, B, n_features)."""
        points = inputs.points() if isinstance(inputs, Stencil) else inputs
        return np.sin(points @ self._frequency.T + controls[:, None, :_FEATURES])

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """The readout of the features, (P, B, n_outputs)."""
        weight = controls[:, self.readout_weight].reshape(-1, self._n_outputs, _FEATURES)
        bias = controls[:, None, self.readout_bias]
        return self.measure_features(controls, inputs) @ weight.transpose(0, 2, 1) + bias


class ProblemContract:
    """Inherit it, and say which PDE is meant.

        class TestMine(ProblemContract):
            problem = "my.py:Mine"

    Attributes:
        problem: a name, ``file.py:Name``, a class or a PDE.
    """

    problem: ClassVar[str | type[PDE] | PDE]

    def make(self) -> PDE:
        """The PDE."""
        if isinstance(self.problem, PDE):
            return self.problem
        return get_problem(self.problem) if isinstance(self.problem, str) else self.problem()

    def test_the_definition_can_be_measured(self) -> None:
        """Formulas, conditions and ansatz work, and the suggestions are of the right types."""
        problem = self.make()
        terms = problem_terms(problem)
        assert terms[0].name == "pde"
        assert len(terms) == 1 + len(problem.conditions())
        problem.suggestions()
        assert type(problem).__doc__, f"{problem.name}: no docstring, which `photonzero list` shows"

    def test_points_lie_in_the_domain_and_follow_the_seed(self) -> None:
        """`sample` gives points (n, d) of the box, `collocation` finite ones, both by the generator."""
        problem = self.make()
        for draw in (problem.sample, problem.collocation):
            points = draw(40, np.random.default_rng(3))
            assert points.shape == (40, problem.dim)
            assert np.isfinite(points).all()
            np.testing.assert_array_equal(points, draw(40, np.random.default_rng(3)))
            assert (points != draw(40, np.random.default_rng(4))).any()
        space, judged = problem.space, problem.sample(200, np.random.default_rng(5))
        assert (judged >= space.lower).all()
        assert (judged <= space.upper).all()
        for condition in problem.conditions():
            points, fixed = sample_condition(problem, condition, 20, np.random.default_rng(6))
            assert points.shape == fixed.shape == (len(points), problem.dim)
            assert fixed.any(axis=1).all(), f"{condition.name}: holds everywhere, as the PDE itself does"

    def test_the_reference_satisfies_the_pde_and_its_conditions(self) -> None:
        """Where there is an exact solution, and its error against itself is 0."""
        problem = self.make()
        if not problem.has_exact:
            return
        # Of a hundred coordinates a point costs thousands of values.
        found = verify_reference(problem, n_points=30 if problem.dim > 50 else 100)
        assert all(row.agrees for row in found), found
        exact = problem.reference(problem.sample(20, np.random.default_rng(0)))
        assert exact.shape == (20, problem.n_outputs)
        assert problem.relative_error(exact, exact) == 0.0

    def test_batches_are_functions_of_seed_and_number(self) -> None:
        """A batch is the same whatever was measured before it."""
        problem = self.make()
        first, second = (_objective(problem) for _ in range(2))
        first.load_batch(3)
        third = [block.points for block in first.blocks]
        first.load_batch(0)
        for known, again in zip(first.blocks, second.blocks, strict=True):
            np.testing.assert_array_equal(known.points, again.points)
        second.load_batch(3)
        for known, again in zip(third, second.blocks, strict=True):
            np.testing.assert_array_equal(known, again.points)

    def test_residuals_from_features_are_the_measured_ones(self) -> None:
        """Through the known readout or through the outputs: the same residuals, and slopes that fit them."""
        problem = self.make()
        chip = SineChip(problem.dim, problem.n_outputs)
        objective = _objective(problem)
        controls = np.random.default_rng(1).standard_normal((2, chip.n_controls))
        measured = objective.evaluate(chip, controls).residuals
        known = objective.evaluate(chip, controls, with_readout=True)
        size = np.abs(measured).max()
        np.testing.assert_allclose(known.residuals, measured, atol=1e-7 * size)
        assert known.readout is not None
        readout = readout_controls(chip)
        start = controls[1, readout]
        columns = known.readout.columns(1, start)
        assert columns.shape == (measured.shape[1], readout.size)
        change = 1e-4 * np.random.default_rng(2).standard_normal(readout.size)
        pair = known.readout.residuals(1, np.stack([start + change, start - change]))
        np.testing.assert_allclose(
            2 * columns @ change, pair[0] - pair[1], atol=1e-3 * np.abs(pair[0] - pair[1]).max()
        )


def _objective(problem: PDE) -> PinnObjective:
    return PinnObjective(
        problem, make_rule("central"), 8, seed=0, points=PointOptions(n_validation=5, n_test=5)
    )

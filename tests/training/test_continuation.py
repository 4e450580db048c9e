"""A coefficient that moves while a chip learns, coordinates presented otherwise, points of a sequence."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError, ProblemError
from photonzero.training.objective import Continuation, PinnObjective, PointOptions
from photonzero.training.powers import Advances
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule

HALFWAY = Continuation("viscosity", start=0.1, share=0.5)


def objective(continuation=HALFWAY, seed=0, **points):
    problem = get_problem("burgers-plain")
    return PinnObjective(problem, make_rule("central"), 64, seed, PointOptions(**points), continuation)


def residuals(objective):
    """Of a network whose value and derivatives are 1 everywhere."""
    batch = objective.known_batch()
    n_streams = 1 + 2 + len(batch.forms[0])
    return batch.residuals(0, np.ones((len(batch.nodes[0]), n_streams, 1)))


def test_a_coefficient_goes_to_its_own_value_geometrically():
    problem = get_problem("burgers-plain")
    end = problem.viscosity
    assert HALFWAY.at(problem, 0.0).viscosity == pytest.approx(0.1)
    assert HALFWAY.at(problem, 0.25).viscosity == pytest.approx(np.sqrt(0.1 * end))
    assert HALFWAY.at(problem, 0.5) is problem
    assert HALFWAY.at(problem, 1.0) is problem


def test_residuals_are_those_of_the_moment_and_errors_of_the_problem_itself():
    moving, still = objective(), objective(None)
    assert isinstance(moving, Advances)
    assert moving.problem.viscosity == still.problem.viscosity
    # The residual is linear in the viscosity.
    ends = {}
    for done in (0.0, 0.25, 0.5):
        moving.advance(done)
        moving.load_batch(7)
        ends[done] = residuals(moving)
    still.load_batch(7)
    np.testing.assert_array_equal(ends[0.5], residuals(still))
    own = still.problem.viscosity
    share = (np.sqrt(0.1 * own) - own) / (0.1 - own)
    np.testing.assert_allclose(ends[0.25], ends[0.5] + share * (ends[0.0] - ends[0.5]), rtol=1e-9, atol=1e-12)


def test_it_goes_on_where_it_stood():
    first, second = objective(), objective()
    first.advance(0.1)
    first.load_batch(3, 2)
    second.restore(first.state())
    np.testing.assert_array_equal(residuals(first), residuals(second))


@pytest.mark.parametrize("name", ["speed", "label"])
def test_what_is_no_coefficient_is_refused(name):
    with pytest.raises(ProblemError, match="name of an attribute that is a number above 0"):
        objective(Continuation(name, 0.1))


@pytest.mark.parametrize("change", [{"start": 0.0}, {"share": 0.0}, {"share": 1.5}])
def test_options_out_of_range(change):
    with pytest.raises(ArgumentError, match=next(iter(change))):
        Continuation(**{"coefficient": "viscosity", "start": 0.1, **change})


def test_presented_otherwise_the_problem_is_the_same():
    problem = get_problem("burgers-plain")
    moved = problem.presenting({"x": (-2.4, 5.6)})
    points = problem.sample(5, np.random.default_rng(0))
    presented = (points - moved.center) / moved.scale
    np.testing.assert_allclose(presented[:, 0], 4.0 * points[:, 0] + 1.6)
    np.testing.assert_allclose(presented[:, 1], 8.0 * points[:, 1] - 4.0)
    np.testing.assert_array_equal(problem.center, [0.0, 0.5])
    with pytest.raises(ProblemError, match="presented"):
        _ = problem.presenting({"y": (0.0, 1.0)}).center


def test_points_of_a_sequence_cover_every_strip():
    even = objective(sequence="sobol").blocks[0].points
    # 64 points of a base-2 sequence: one in each of 64 strips, whatever the coordinate.
    assert (np.sort(np.floor(32.0 * (even[:, 0] + 1.0))) == np.arange(64)).all()
    assert (np.sort(np.floor(64.0 * even[:, 1])) == np.arange(64)).all()
    # Some of them, as they are taken for means, are not all in one part of the domain.
    assert 0 < (even[::2, 0] > 0).sum() < 32
    again = objective(seed=1, sequence="sobol").blocks[0].points
    assert not np.array_equal(even, again)


def test_a_problem_that_places_its_points_itself_has_no_sequence():
    with pytest.raises(ArgumentError, match=r"points\.sequence"):
        PinnObjective(get_problem("burgers"), make_rule("central"), 8, 0, PointOptions(sequence="sobol"))

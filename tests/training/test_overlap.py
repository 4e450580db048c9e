"""Batches that keep a share of their points: exact, a pure function of their number, and resumable."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective, PointOptions
from photonzero.training.objective.windows import span_of, window
from photonzero.training.optimizers import GaussNewtonOptions, SubspaceGaussNewton, start_on
from photonzero.training.problems import HJB, get_problem
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip


def objective_of(overlap, problem="burgers", seed=0):
    points = PointOptions(overlap=overlap)
    return PinnObjective(get_problem(problem), make_rule("central", spacing=0.05), 40, seed, points)


def points_of(objective, number, factor=1):
    objective.load_batch(number, factor)
    by_term = {}
    for block in objective.blocks:
        by_term.setdefault(block.term.name, []).append(block.points)
    return [np.concatenate(points) for points in by_term.values()]


def n_common(one, other):
    return len({tuple(row) for row in one} & {tuple(row) for row in other})


def test_a_window_is_a_part_of_one_stream():
    def draw(n, rng):
        return (rng.random((n, 2)),)

    whole = window(draw, [7], 10, slice(0, 50))[0]
    assert whole.shape == (50, 2)
    for span in (slice(3, 4), slice(0, 10), slice(9, 31), slice(40, 50)):
        np.testing.assert_array_equal(window(draw, [7], 10, span)[0], whole[span])


def test_spans_keep_the_share():
    for size, overlap, kept in ((40, 0.5, 20), (40, 0.75, 30), (7, 0.5, 3), (1, 0.9, 0)):
        first, second = span_of(3, size, overlap), span_of(4, size, overlap)
        assert first.stop - first.start == size
        assert first.stop - second.start == kept


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_batches_share_points_of_the_pde_and_of_random_conditions(factor):
    objective = objective_of(0.75, "black-scholes")
    n = 40 * factor
    before, after, later = (points_of(objective, k, factor)[0] for k in (5, 6, 9))
    assert before.shape == after.shape == (n, 2)
    assert n_common(before, after) == 0.75 * n
    assert n_common(before, later) == 0


def test_conditions_overlap_too():
    objective = objective_of(0.5)
    for one, other in zip(points_of(objective, 2), points_of(objective, 3), strict=True):
        assert n_common(one, other) >= len(one) // 2


def test_a_batch_depends_on_its_number_and_the_seed_alone():
    first, second = objective_of(0.5), objective_of(0.5)
    for number in (7, 1, 3):
        points_of(first, number)
    for one, other in zip(points_of(first, 4), points_of(second, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert n_common(points_of(objective_of(0.5, seed=1), 4)[0], points_of(first, 4)[0]) == 0


def test_resume_equals_the_straight_run():
    def run(steps):
        chip = LabChip()
        rule = make_rule("hutchinson")
        objective = PinnObjective(HJB(2), rule, 30, 1, PointOptions(overlap=0.5))
        start = start_on(chip, np.random.default_rng(2).standard_normal(chip.n_controls))
        optimizer = SubspaceGaussNewton(start, GaussNewtonOptions(n_directions=4), np.random.default_rng(3))
        return TrainingRun(chip, objective, optimizer, Limits(10**9, steps))

    straight, first, second = run(6), run(2), run(6)
    straight.train()
    first.train()
    second.restore(first.checkpoint())
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert [row[:4] for row in second.history] == [row[:4] for row in straight.history]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 1.0}, "overlap: 1.0; allowed: from 0, below 1"),
        ({"overlap": -0.1}, "overlap: -0.1; allowed: from 0, below 1"),
        ({"overlap": 0.5, "adaptive": 0.2}, "overlap: 0.5 with adaptive 0.2; allowed: one of them"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        PointOptions(**options)

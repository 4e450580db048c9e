"""Layers that stay where they start are read once; what is left is trained on what was read."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import get_method, partly_trained, start_on
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule
from photonzero.training.testing import LayeredLabChip
from photonzero.training.testing.optimizers import watched
from photonzero.training.trainer import Limits, TrainingRun

SMALL = {"n_steps": 3, "final_steps": 6}


def heat():
    return PinnObjective(get_problem("heat"), make_rule("central", spacing=0.05), 60, seed=1)


def frozen_run(patterns, noise=0.0, **options):
    chip = LayeredLabChip(dim=2, noise=noise)
    method = get_method("layered-gauss-newton")
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = partly_trained(
        start_on(chip, x),
        patterns,
        method,
        lambda start: method.make(start, method.options(**SMALL | options), np.random.default_rng(3)),
    )
    return TrainingRun(chip, heat(), optimizer, Limits()), x


def test_a_readout_alone_costs_one_precise_reading_of_the_layers():
    run, x = frozen_run(["layer*"], noise=1e-3)
    assert "finished" in run.train()
    np.testing.assert_array_equal(run.optimizer.controls[:32], x[:32])
    assert (run.optimizer.controls[32:] != x[32:]).all()
    # 32 repeats of two and eight weighing vectors, shared by the roots of two and eight: 53 and 27.
    assert run.inferences == run.layer_inferences == 53 * 2 + 27 * 8
    assert run.settings == 2
    assert [row[0] for row in run.history] == [1]


def test_a_readout_alone_is_the_best_one_behind_its_optics():
    run, _ = frozen_run(["layer*"], final_steps=10)
    run.train()
    chip, x = run.oracle, run.optimizer.controls
    many = heat()
    many.load_batch(1000, 40)

    def missed(controls):
        return float(many.evaluate(chip, controls[None]).losses[0])

    here = missed(x)
    # Where it is least on very many points, no change of a weight lowers it by more than what a mean over
    # several hundred points leaves to chance: a few percent of the least residual.
    for place in range(32, 41):
        for change in (-0.05, 0.05):
            moved = x.copy()
            moved[place] += change
            assert missed(moved) > 0.97 * here


def test_groups_that_stay_are_neither_moved_nor_probed():
    run, x = frozen_run(["layer1/mixers", "layer2/bias"])
    asked = watched(run)
    run.train()
    moved = run.optimizer.controls != x
    assert not moved[:8].any()
    assert not moved[24:32].any()
    assert moved[8:16].all()
    assert moved[16:24].any()
    by_purpose = {a.purpose: [r.layer for r in a.readings] for a in asked if a.readings}
    assert by_purpose == {"start": [0, 1], "probe": [1], "trial": [1], "last": [0, 1]}


def test_biases_alone_take_as_many_steps_and_no_further_reading():
    losses = []
    for n_steps in (1, 30):
        run, x = frozen_run(["*/mixers"], n_steps=n_steps)
        run.train()
        moved = run.optimizer.controls != x
        assert not moved[:8].any()
        assert not moved[16:24].any()
        assert moved[8:16].all()
        assert run.inferences == 53 * 2 + 27 * 8
        losses.append(run.optimizer.loss)
    alone, _ = frozen_run(["layer*"])
    alone.train()
    assert losses[1] < losses[0] < alone.optimizer.loss


def test_a_frozen_readout_is_refused_in_one_line():
    with pytest.raises(ArgumentError, match="frozen: controls of the readout; allowed"):
        frozen_run(["readout/bias"])


def test_a_readout_alone_needs_no_easier_problem_first():
    assert frozen_run(["layer*"])[0].optimizer.done == 1.0
    assert frozen_run(["layer1/*"])[0].optimizer.done == 0.0


def test_host_operations_are_counted_by_the_stated_formula():
    run, _ = frozen_run(["layer*"], final_steps=2)
    run.train()
    # 120 points with a value, two slopes and a second derivative, twice 30 of conditions with a value;
    # matrices of 2 x 8 and 8 x 8 numbers, a readout of 9.
    n_streams, n_rows = 120 * 4 + 60, 120 + 60
    solved_once = 2 * n_streams * (2 * 8 + 8 * 8) + 2 * n_rows * 9**2 + 9**3 / 3
    times = run.optimizer.n_host_operations / solved_once
    assert times == pytest.approx(round(times))
    assert 3 <= times <= 4
    moving, _ = frozen_run([])
    moving.train()
    assert moving.optimizer.n_host_operations > 10 * run.optimizer.n_host_operations
    assert moving.optimizer.state()["layered"][-1] == moving.optimizer.n_host_operations

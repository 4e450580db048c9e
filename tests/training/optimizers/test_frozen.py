"""Frozen controls stay; the optimizer inside sees the others as all there are."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import PartialOptimizer, Start, get_method, start_on
from photonzero.training.optimizers.frozen import frozen_groups
from photonzero.training.oracle import ControlGroup
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip


def partial(start, patterns, name="rge-adam", **options):
    method = get_method(name)
    rng = np.random.default_rng(3)
    return PartialOptimizer(start, patterns, lambda part: method.make(part, method.options(**options), rng))


@pytest.mark.parametrize("name", ["rge-adam", "gauss-newton", "recursive-gauss-newton"])
def test_training_moves_the_other_groups_only(name):
    chip = LabChip()
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = partial(start_on(chip, x), ["heat*"], name)
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)
    run = TrainingRun(chip, objective, optimizer, Limits(max_steps=3))
    run.train()
    heaters = chip.control_groups["heaters"].slice
    np.testing.assert_array_equal(optimizer.controls[heaters], x[heaters])
    assert (np.delete(optimizer.controls, np.arange(8)) != np.delete(x, np.arange(8))).all()


def test_groups_move_together_with_their_controls():
    groups = {
        "a": ControlGroup(0, 2, "phase", grid_step=0.5),
        "b": ControlGroup(2, 5, "digital", scale=3.0),
        "c": ControlGroup(5, 6, "digital"),
    }
    seen = []

    def make(start):
        seen.append(start)
        method = get_method("spsa")
        return method.make(start, method.options(), np.random.default_rng(0))

    optimizer = PartialOptimizer(Start(np.arange(6.0), groups, np.array([3, 4])), ["a"], make)
    assert seen[0].groups == {
        "b": ControlGroup(0, 3, "digital", scale=3.0),
        "c": ControlGroup(3, 4, "digital"),
    }
    np.testing.assert_array_equal(seen[0].controls, [2, 3, 4, 5])
    np.testing.assert_array_equal(seen[0].readout, [1, 2])
    asked = optimizer.ask().controls
    assert asked.shape == (2, 6)
    np.testing.assert_array_equal(asked[:, :2], [[0, 1], [0, 1]])
    # Half a readout has no columns of its own.
    PartialOptimizer(Start(np.arange(6.0), groups, np.array([4, 5])), ["c"], make)
    assert seen[1].readout is None


def test_bad_patterns_are_named():
    groups = {"layer1/bias": ControlGroup(0, 1, "digital"), "layer1/core": ControlGroup(1, 2, "phase")}
    assert frozen_groups(groups, ["*/bias"]) == ("layer1/bias",)
    with pytest.raises(ArgumentError, match=r"frozen: 'bias' is no group; allowed: layer1/bias, layer1/core"):
        frozen_groups(groups, ["bias"])
    with pytest.raises(ArgumentError, match="at least one"):
        frozen_groups(groups, ["*"])

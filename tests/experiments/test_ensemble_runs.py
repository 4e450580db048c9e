"""Runs of several chips, from a configuration to result.json."""

import numpy as np
import pytest

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import apply_settings
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import execute_in, trained


def config(*settings):
    table = default_table("hjb2", "gauss-newton", None, "published")
    common = ("chip='tonn-tiny'", "batch_size=40", "limits.max_inferences=25000", "points.n_test=50")
    return resolve(apply_settings(table, (*common, "points.n_validation=50", *settings)))


def test_an_ensemble_is_trained_and_tried_on_other_chips(tmp_path):
    run_config = config("n_chips=2", "n_held_out=3")
    parts = assemble(run_config, 1)
    seeds = [chip.seed for chip in (parts.chip, *parts.further_chips, *parts.held_out)]
    assert len(set(seeds)) == 5
    # Chips of a role do not depend on how many the others are.
    fewer = assemble(config("n_chips=3", "n_held_out=1"), 1)
    assert [chip.seed for chip in (fewer.chip, *fewer.further_chips[:1], *fewer.held_out)] == seeds[:3]
    result = execute_in(parts, tmp_path).result
    assert result["n_chips"] == 2
    assert len(result["held_out_rel_l2"]) == 3
    # 7 nodes on 40 points and two chips; a base twice, and 16 settings a step.
    assert result["inferences"] % (2 * 7 * 40) == 0
    # 50 points on two chips a step and for the test, on three for the rest, and a figure of one.
    assert result["inferences_validation"] == 2 * 50 * (result["steps"] + 1) + 3 * 50 + 50
    _, controls = trained(run_config, tmp_path)
    np.testing.assert_array_equal(controls, parts.optimizer.controls)
    errors = [parts.objective.test_error(chip, controls) for chip in parts.held_out]
    assert errors == result["held_out_rel_l2"]


def test_bad_numbers_of_chips_are_named():
    with pytest.raises(UsageError, match="n_chips: 0"):
        config("n_chips=0")


def test_an_ensemble_classifies(tmp_path):
    settings = ("n_chips=2", "n_held_out=1", "batch_size=500", "limits.max_inferences=90000")
    table = apply_settings(default_table("digits", "gauss-newton", None, "published"), settings)
    run_config = resolve(table)
    parts = assemble(run_config, 1)
    result = execute_in(parts, tmp_path).result
    assert result["n_chips"] == 2
    assert len(result["held_out_test_accuracy"]) == 1
    # Guesses are right in a tenth of all cases.
    assert result["test_accuracy"] > 0.5
    assert result["inferences"] <= 90000

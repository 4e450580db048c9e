"""The curve of `phase-error` against Perceval, an independent simulator, and the small-error closed form."""

from pathlib import Path

import numpy as np
import pytest

from photonzero.experiments.studies.registry import find_plan
from photonzero.experiments.sweep import run_sweep
from photonzero.experiments.sweep.executors import SerialExecutor, Workers
from photonzero.photonics.mesh import expected_fidelity, rectangular

CHIPS = 100
PATH = Path(__file__).parents[1] / "golden" / "fidelity_reference.npz"


@pytest.fixture(scope="module")
def curve(tmp_path_factory):
    """(sigmas, fidelities (chips, 21)) of the study as it is built in, with more chips."""
    plan = find_plan({"study": "phase-error", "chips": CHIPS})
    rows = run_sweep(plan, tmp_path_factory.mktemp("curve"), Workers(SerialExecutor, 1, 1)).rows()
    fidelity = np.array([row["fidelity"] for row in rows]).reshape(-1, plan.chips).T
    return np.array(plan.grid["sigma_phase_rad"]), fidelity


def test_the_curve_agrees_with_perceval_within_three_standard_errors(curve):
    sigma, ours = curve
    with np.load(PATH, allow_pickle=False) as file:
        assert file["sigma_phase_rad"] == pytest.approx(sigma, rel=1e-5)
        theirs = file["fidelity"]
    # The two-sample test with a common variance, taken from the larger sample: at large errors the
    # fidelity's distribution is skewed, and the variance of 20 numbers goes with their mean.
    error = np.sqrt(ours.var(axis=0, ddof=1) * (1 / len(ours) + 1 / len(theirs)))
    deviation = np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / error
    assert deviation.max() < 3, deviation


def test_the_curve_agrees_with_the_closed_form_where_errors_are_small(curve):
    sigma, ours = curve
    mesh = rectangular(64)
    checked = 0
    for k in np.flatnonzero(sigma < 0.02):
        lost, expected = 1 - ours[:, k], 1 - expected_fidelity(mesh, sigma[k])
        assert abs(lost.mean() - expected) < 3 * lost.std(ddof=1) / np.sqrt(len(lost)) + expected**2
        checked += 1
    assert checked == 9

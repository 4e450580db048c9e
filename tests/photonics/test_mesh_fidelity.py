"""Fidelity of meshes: what changes nothing, and the closed form of small random phase errors."""

import numpy as np
import pytest

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.fidelity import expected_fidelity, fidelity
from photonzero.photonics.mesh.topologies import TOPOLOGIES, mesh
from photonzero.photonics.mesh.transfer import build

STD_RAD = 0.005
TRIALS = 3000


def settings(topology, rng, *population):
    sizes = (topology.n_mzi, topology.n_mzi, topology.n_modes, topology.n_edge)
    return [rng.uniform(-np.pi, np.pi, (*population, size)) for size in sizes]


@pytest.mark.parametrize("name", list(TOPOLOGIES))
def test_small_phase_errors_cost_what_the_closed_form_says(name):
    topology, rng = mesh(name, 8), np.random.default_rng(5)
    phases = settings(topology, rng)
    realised = build(topology, *(p + STD_RAD * rng.standard_normal((TRIALS, p.size)) for p in phases))
    lost = 1.0 - fidelity(build(topology, *phases), realised)
    # 4 standard errors, and the order that the closed form neglects: below 1 % of the loss here.
    expected = 1.0 - expected_fidelity(topology, STD_RAD)
    assert abs(lost.mean() - expected) < 4 * lost.std() / np.sqrt(TRIALS) + expected**2


def test_common_phase_and_common_loss_change_nothing_and_a_swap_does():
    topology, rng = mesh("rectangular", 5), np.random.default_rng(6)
    u = build(topology, *settings(topology, rng))
    assert fidelity(u, 0.3 * np.exp(0.7j) * u) == pytest.approx(1.0, abs=1e-14)
    assert fidelity(np.eye(2), np.eye(2)[::-1]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fidelity(np.eye(3), np.eye(4)), r"realised: shape \(4, 4\); allowed"),
        (lambda: fidelity(np.eye(3), np.zeros((3, 3))), "zero or not finite; allowed"),
        (lambda: fidelity(np.eye(3), np.full((3, 3), np.nan)), "zero or not finite; allowed"),
        (lambda: expected_fidelity(mesh("triangular", 4), -0.1), "phase_std_rad: -0.1; allowed"),
        (lambda: expected_fidelity(mesh("triangular", 4), np.nan), "phase_std_rad: nan; allowed"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call()

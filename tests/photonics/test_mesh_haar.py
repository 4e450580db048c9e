"""Haar-random settings: moments and element distributions of random unitary matrices."""

import numpy as np
import pytest
from scipy import stats

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import (
    TOPOLOGIES,
    build,
    decompose,
    haar_phases,
    matrix_error,
    mesh,
    rectangular,
)

TRIALS = 4000


@pytest.mark.parametrize("name", [name for name in TOPOLOGIES if mesh(name, 4).is_universal])
@pytest.mark.parametrize("n", [4, 5])
def test_dialled_matrices_have_the_distribution_of_haar(name, n):
    topology, rng = mesh(name, n), np.random.default_rng(3)
    drawn = [haar_phases(topology, rng) for _ in range(TRIALS)]
    u = build(topology, *(np.array(part) for part in zip(*drawn, strict=True)))
    # |u_ij|^2 has the distribution Beta(1, N - 1), for every element; Bonferroni at 1e-4.
    smallest = min(
        stats.kstest(np.abs(u[:, i, j]) ** 2, stats.beta(1, n - 1).cdf).pvalue
        for i in range(n) for j in range(n)
    )  # fmt: skip
    assert smallest > 1e-4 / n**2
    # Two independent moments: E |tr U^k|^2 = k for k <= N, within four standard errors.
    for k in (1, 2):
        moment = np.abs(np.trace(np.linalg.matrix_power(u, k), axis1=1, axis2=2)) ** 2
        assert abs(moment.mean() - k) < 4 * moment.std() / np.sqrt(TRIALS)
    # E u00 u11 u01* u10* = -1 / (N (N^2 - 1)): rows are not independent.
    product = (u[:, 0, 0] * u[:, 1, 1] * u[:, 0, 1].conj() * u[:, 1, 0].conj()).real
    assert abs(product.mean() + 1 / (n * (n**2 - 1))) < 4 * product.std() / np.sqrt(TRIALS)


def test_splits_are_those_of_decomposed_random_matrices():
    mesh, rng = rectangular(6), np.random.default_rng(4)
    matrices = stats.unitary_group.rvs(6, size=1500, random_state=rng)
    found = np.array([decompose(mesh, u).theta_rad for u in matrices])
    drawn = np.array([haar_phases(mesh, rng).theta_rad for _ in range(1500)])
    values = [stats.ks_2samp(found[:, k], drawn[:, k]).pvalue for k in range(mesh.n_mzi)]
    assert min(values) > 1e-4 / mesh.n_mzi


def test_a_mesh_that_is_not_universal_is_refused():
    with pytest.raises(PhotonicsError, match="topology: 'butterfly'; allowed: rectangular"):
        haar_phases(mesh("butterfly", 4), np.random.default_rng(0))


def test_matrix_error_is_the_relative_frobenius_distance():
    wanted = np.diag([3.0, 4.0])
    assert matrix_error(wanted, wanted) == 0.0
    off = wanted + np.array([[0.0, 1.0], [0.0, 0.0]])
    assert matrix_error(wanted, np.stack([off, 1j * wanted])) == pytest.approx([0.2, np.sqrt(2)])
    with pytest.raises(PhotonicsError, match="wanted: zero or not finite"):
        matrix_error(np.zeros((2, 2)), wanted)
    with pytest.raises(PhotonicsError, match=r"realised: shape \(3, 3\)"):
        matrix_error(wanted, np.eye(3))

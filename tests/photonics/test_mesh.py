"""Complex meshes: what changes no bit, and what is refused; the rest is in the topologies' contract."""

import numpy as np
import pytest
from scipy.stats import unitary_group

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.decompose import decompose, nearest_unitary
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.topologies import TOPOLOGIES, butterfly, mesh, rectangular
from photonzero.photonics.mesh.transfer import build


def phases(topology, rng, settings=None):
    lead = () if settings is None else (settings,)
    sizes = (topology.n_mzi, topology.n_mzi, topology.n_modes, topology.n_edge)
    return [rng.uniform(0, 2 * np.pi, (*lead, size)) for size in sizes]


@pytest.mark.parametrize("name", list(TOPOLOGIES))
def test_no_errors_are_ideal_bit_for_bit_and_population_is_one_by_one(name):
    topology, rng = mesh(name, 8), np.random.default_rng(0)
    angles = phases(topology, rng, settings=5)
    ideal = build(topology, *angles)
    np.testing.assert_array_equal(build(topology, *angles, imperfections=MeshImperfections()), ideal)
    one_by_one = np.stack([build(topology, *(a[p] for a in angles)) for p in range(5)])
    np.testing.assert_array_equal(one_by_one, ideal)
    np.testing.assert_array_equal(build(topology, *angles, threads=3), ideal)


SMALL_MESH = (rectangular(3), np.zeros(3), np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decompose(rectangular(3), np.ones((3, 3))), "allowed: a unitary matrix"),
        (lambda: decompose(rectangular(3), np.eye(4)), r"unitary: shape \(4, 4\); allowed: \(3, 3\)"),
        (lambda: decompose(rectangular(2), np.full((2, 2), np.nan)), "unitary: holds NaN"),
        (lambda: decompose(butterfly(4), np.eye(4)), "butterfly"),
        (lambda: butterfly(6), "n_modes: 6"),
        (lambda: build(rectangular(3), np.zeros(2), np.zeros(3), np.zeros(3)), "theta_rad"),
        (lambda: MeshImperfections(coupler_in_error_rad=-9), "coupler_in_error_rad: -9.0; allowed: -6.283"),
        (lambda: build(*SMALL_MESH, imperfections=MeshImperfections(cell_loss_db=-1.0)), "cell_loss_db"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call()


def test_a_matrix_of_three_decimals_has_a_nearest_unitary_one():
    unitary = unitary_group.rvs(6, random_state=0)
    printed = np.round(unitary, 3)
    with pytest.raises(PhotonicsError, match="nearest_unitary makes one of a rounded matrix"):
        decompose(rectangular(6), printed)
    nearest = nearest_unitary(printed)
    np.testing.assert_allclose(nearest @ nearest.conj().T, np.eye(6), atol=1e-14)
    # No farther than the one that was rounded: half a unit of the last decimal in each part.
    assert np.linalg.norm(nearest - printed) <= np.linalg.norm(unitary - printed) <= 6 * 0.5e-3 * np.sqrt(2)
    np.testing.assert_allclose(
        build(rectangular(6), *decompose(rectangular(6), nearest)), nearest, atol=1e-13
    )
    for bad in (np.zeros((3, 3)), np.ones((2, 3)), np.full((2, 2), np.nan)):
        with pytest.raises(PhotonicsError, match="matrix: "):
            nearest_unitary(bad)

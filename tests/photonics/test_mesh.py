"""Complex meshes against products of embedded 2 x 2 matrices, and decompositions of hard unitaries."""

import numpy as np
import pytest

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.decompose import decompose
from photonzero.photonics.mesh.imperfections import MeshImperfections
from photonzero.photonics.mesh.reference import build_by_embedding
from photonzero.photonics.mesh.topology import butterfly, rectangular, symmetric, triangular
from photonzero.photonics.mesh.transfer import build, propagate

UNIVERSAL = {"rectangular": rectangular, "triangular": triangular, "symmetric": symmetric}
TOPOLOGIES = {**UNIVERSAL, "butterfly": butterfly}


def phases(topology, rng, settings=None):
    lead = () if settings is None else (settings,)
    sizes = (topology.n_mzi, topology.n_mzi, topology.n_modes, topology.n_edge)
    return [rng.uniform(0, 2 * np.pi, (*lead, size)) for size in sizes]


def errors(topology, rng):
    n = topology.n_mzi
    return MeshImperfections(
        coupler_in_error_rad=0.1 * rng.standard_normal(n),
        coupler_out_error_rad=0.1 * rng.standard_normal(n),
        cell_loss_db=rng.uniform(0, 0.5, n),
        theta_loss_db=rng.uniform(0, 0.2, n),
        phi_loss_db=rng.uniform(0, 0.2, n),
        theta_stuck=rng.random(n) < 0.1,
        theta_stuck_rad=0.3,
    )


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("n", [2, 4, 16])
def test_build_equals_the_embedded_product(name, n):
    topology, rng = TOPOLOGIES[name](n), np.random.default_rng(n)
    angles = phases(topology, rng)
    u = build(topology, *angles)
    np.testing.assert_allclose(u, build_by_embedding(topology, *angles), atol=1e-13)
    np.testing.assert_allclose(u @ u.conj().T, np.eye(n), atol=1e-13)
    imperfect = errors(topology, rng)
    lossy = build(topology, *angles, imperfections=imperfect)
    expected = build_by_embedding(topology, *angles, imperfections=imperfect)
    np.testing.assert_allclose(lossy, expected, atol=1e-13)
    # Energy never grows.
    assert np.linalg.svd(lossy, compute_uv=False).max() <= 1 + 1e-12


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_no_errors_are_ideal_bit_for_bit_and_population_is_one_by_one(name):
    topology, rng = TOPOLOGIES[name](8), np.random.default_rng(0)
    angles = phases(topology, rng, settings=5)
    ideal = build(topology, *angles)
    np.testing.assert_array_equal(build(topology, *angles, imperfections=MeshImperfections()), ideal)
    one_by_one = np.stack([build(topology, *(a[p] for a in angles)) for p in range(5)])
    np.testing.assert_array_equal(one_by_one, ideal)
    np.testing.assert_array_equal(build(topology, *angles, threads=3), ideal)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_propagate_is_multiplication(name):
    topology, rng = TOPOLOGIES[name](8), np.random.default_rng(1)
    angles = phases(topology, rng)
    light = rng.standard_normal((8, 11)) + 1j * rng.standard_normal((8, 11))
    out = propagate(topology, light, *angles)
    np.testing.assert_allclose(out, build(topology, *angles) @ light, atol=1e-12)


def hard_unitaries():
    rng = np.random.default_rng(2)
    for n in (2, 5, 8):
        z = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
        yield f"haar{n}", np.linalg.qr(z)[0]
        yield f"identity{n}", np.eye(n)
        yield f"permutation{n}", np.eye(n)[rng.permutation(n)]
        yield f"diagonal{n}", np.diag(np.exp(1j * rng.uniform(0, 7, n)))
        yield f"dft{n}", np.fft.fft(np.eye(n), norm="ortho")
    block = np.eye(8, dtype=complex)
    block[1:4, 1:4] = np.fft.fft(np.eye(3), norm="ortho")
    yield "block", block
    tiny = 1e-9
    near = np.eye(8, dtype=complex)
    near[2:4, 2:4] = [[np.cos(tiny), -np.sin(tiny)], [np.sin(tiny), np.cos(tiny)]]
    yield "nearly singular angle", near


@pytest.mark.parametrize("name", UNIVERSAL)
@pytest.mark.parametrize(("kind", "unitary"), list(hard_unitaries()))
def test_decomposition_is_exact(name, kind, unitary):
    topology = UNIVERSAL[name](len(unitary))
    rebuilt = build(topology, *decompose(topology, unitary))
    np.testing.assert_allclose(rebuilt, unitary, rtol=0, atol=1e-13)


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
        (lambda: build(*SMALL_MESH, imperfections=MeshImperfections(cell_loss_db=-1.0)), "cell_loss_db"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call()

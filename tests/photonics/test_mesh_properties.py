"""What must hold for every mesh, every setting and every fabricated chip."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.stats import unitary_group

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import (
    TOPOLOGIES,
    MeshImperfections,
    build,
    butterfly,
    decompose,
    fidelity,
    from_layers,
    mesh,
    propagate,
    rectangular,
    symmetric,
    triangular,
)

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)


def sizes_of(name):
    for n_modes in range(2, 18):
        with suppress(PhotonicsError):
            mesh(name, n_modes)
            yield n_modes


SIZES = [(name, n_modes) for name in TOPOLOGIES for n_modes in sizes_of(name)]
UNIVERSAL = [name for name in TOPOLOGIES if mesh(name, 4).is_universal]


@st.composite
def meshes(draw):
    return mesh(*draw(st.sampled_from(SIZES)))


def random_phases(mesh, rng, *population):
    sizes = (mesh.n_mzi, mesh.n_mzi, mesh.n_modes, mesh.n_edge)
    return [rng.uniform(-10.0, 10.0, (*population, size)) for size in sizes]


def random_errors(mesh, rng, loss_db=1.0):
    n = mesh.n_mzi
    return MeshImperfections(
        coupler_in_error_rad=rng.uniform(-0.8, 0.8, n),
        coupler_out_error_rad=rng.uniform(-0.8, 0.8, n),
        cell_loss_db=rng.uniform(0, loss_db, n),
        theta_loss_db=rng.uniform(0, loss_db, n),
        phi_loss_db=rng.uniform(0, loss_db, n),
        out_loss_db=rng.uniform(0, loss_db, mesh.n_modes),
        edge_loss_db=rng.uniform(0, loss_db, mesh.n_edge),
    )


@PROPERTY
@given(mesh=meshes(), seed=SEEDS)
def test_without_loss_light_is_kept_and_with_loss_it_never_grows(mesh, seed):
    rng = np.random.default_rng(seed)
    phases, identity = random_phases(mesh, rng), np.eye(mesh.n_modes)
    for errors in (None, random_errors(mesh, rng, loss_db=0.0)):
        u = build(mesh, *phases, imperfections=errors)
        np.testing.assert_allclose(u.conj().T @ u, identity, rtol=0, atol=1e-13)
    lossy = build(mesh, *phases, imperfections=random_errors(mesh, rng))
    assert np.linalg.norm(lossy, 2) <= 1.0 + 1e-13


@PROPERTY
@given(n_modes=st.integers(2, 12), seed=SEEDS)
def test_light_sent_backwards_sees_the_transpose(n_modes, seed):
    """Reciprocity: couplers and arms are symmetric, so the mirrored mesh has the transposed matrix."""
    rng = np.random.default_rng(seed)
    layers = [[(i, i + 1) for i in range(k % 2, n_modes - 1, 2)] for k in range(n_modes)]
    mesh = from_layers("wall", n_modes, layers, cell="symmetric")
    mirrored = from_layers("mirrored", n_modes, layers[::-1], cell="symmetric")
    n = mesh.n_mzi
    theta, phi, coupler_in, coupler_out = rng.uniform(-1, 1, (4, n))
    loss, theta_loss, phi_loss = rng.uniform(0, 1, (3, n))
    forward = build(
        mesh,
        theta,
        phi,
        np.zeros(n_modes),
        imperfections=MeshImperfections(coupler_in, coupler_out, loss, theta_loss, phi_loss),
    )
    order = np.lexsort((mesh.row, -mesh.layer))
    errors = (part[order] for part in (coupler_out, coupler_in, loss, theta_loss, phi_loss))
    backward = build(
        mirrored, theta[order], phi[order], np.zeros(n_modes), imperfections=MeshImperfections(*errors)
    )
    np.testing.assert_allclose(backward, forward.T, rtol=0, atol=1e-13)


def unitary_of(kind, n, rng):
    """A unitary matrix of a kind that decompositions find hard."""
    haar = unitary_group.rvs(n, random_state=rng) if n > 1 else np.ones((1, 1), dtype=complex)
    if kind == "blocks":
        cut = int(rng.integers(1, n))
        parts = [unitary_group.rvs(m, random_state=rng) if m > 1 else [[1j]] for m in (cut, n - cut)]
        return block_diag(*parts)
    if kind == "permuted diagonal":
        return np.diag(np.exp(1j * rng.uniform(0, 7, n)))[rng.permutation(n)]
    if kind == "signs":
        return np.diag(rng.choice([-1.0, 1.0], n))
    if kind == "near a permutation":
        # exp(i h) to first order is unitary to rounding for h below 1e-8; h goes down to denormals.
        size = 10.0 ** rng.uniform(-310, -9)
        h = size * (haar + haar.conj().T)
        return (np.eye(n) + 1j * h)[rng.permutation(n)]
    if kind == "real":
        return np.linalg.qr(rng.standard_normal((n, n)))[0]
    if kind == "Fourier":
        return np.fft.fft(np.eye(n), norm="ortho")
    return haar


KINDS = ("blocks", "permuted diagonal", "signs", "near a permutation", "real", "Fourier", "Haar")


@settings(PROPERTY, max_examples=120)
@given(
    name=st.sampled_from(UNIVERSAL),
    kind=st.sampled_from(KINDS),
    n_modes=st.integers(2, 20),
    seed=SEEDS,
)
def test_a_decomposed_unitary_is_built_again(name, kind, n_modes, seed):
    topology, unitary = mesh(name, n_modes), unitary_of(kind, n_modes, np.random.default_rng(seed))
    phases = decompose(topology, unitary)
    assert all(np.abs(part).max(initial=0.0) <= np.pi + 1e-12 for part in phases)
    np.testing.assert_allclose(build(topology, *phases), unitary, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", UNIVERSAL)
def test_256_modes_are_decomposed_to_rounding(name):
    topology, unitary = mesh(name, 256), unitary_group.rvs(256, random_state=5)
    np.testing.assert_allclose(build(topology, *decompose(topology, unitary)), unitary, rtol=0, atol=1e-13)


@PROPERTY
@given(mesh=meshes(), seed=SEEDS, n_settings=st.integers(1, 7), threads=st.integers(2, 9))
def test_neither_population_nor_threads_nor_absent_errors_change_a_bit(mesh, seed, n_settings, threads):
    rng = np.random.default_rng(seed)
    phases = random_phases(mesh, rng, n_settings)
    light = rng.standard_normal((mesh.n_modes, 3)) + 1j * rng.standard_normal((mesh.n_modes, 3))
    ideal = build(mesh, *phases)
    np.testing.assert_array_equal(build(mesh, *phases, imperfections=MeshImperfections()), ideal)
    for errors in (None, random_errors(mesh, rng)):
        together = build(mesh, *phases, imperfections=errors)
        sent = propagate(mesh, light, *phases, imperfections=errors)
        np.testing.assert_array_equal(build(mesh, *phases, imperfections=errors, threads=threads), together)
        np.testing.assert_array_equal(
            propagate(mesh, light, *phases, imperfections=errors, threads=threads), sent
        )
        for p in range(n_settings):
            one = [part[p] for part in phases]
            np.testing.assert_array_equal(build(mesh, *one, imperfections=errors), together[p])
            np.testing.assert_array_equal(propagate(mesh, light, *one, imperfections=errors), sent[p])


def test_mean_fidelity_under_output_phase_errors_is_the_closed_form():
    """F = |tr(U^H U')|^2 / N^2 with U' = diag(e^{i d}) U has the mean 1/N + (1 - 1/N) exp(-std^2)."""
    mesh, rng = rectangular(6), np.random.default_rng(3)
    n, std_rad, n_samples = 6, 0.5, 4000
    theta, phi, out, _ = random_phases(mesh, rng)
    ideal = build(mesh, theta, phi, out)
    noisy = build(mesh, theta, phi, out + std_rad * rng.standard_normal((n_samples, n)))
    found = fidelity(ideal, noisy)
    expected = 1 / n + (1 - 1 / n) * np.exp(-(std_rad**2))
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(n_samples)


def test_single_precision_is_as_good_as_its_numbers():
    mesh, rng = rectangular(32), np.random.default_rng(6)
    phases = random_phases(mesh, rng)
    single = build(mesh, *phases, dtype=np.complex64)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, build(mesh, *phases), rtol=0, atol=3e-6)


def test_strong_loss_of_a_deep_mesh_does_not_underflow():
    mesh, rng = rectangular(40), np.random.default_rng(7)
    theta, phi, out, _ = random_phases(mesh, rng)
    lossy = build(mesh, theta, phi, out, imperfections=MeshImperfections(cell_loss_db=60.0))
    # The one way from the last input to the first output goes through an MZI for each mode but one.
    amplitude = lossy[0, -1] / build(mesh, theta, phi, out)[0, -1]
    np.testing.assert_allclose(amplitude, 10 ** (-60.0 / 20 * 39), rtol=1e-9)


THREE = (rectangular(3), np.zeros(3), np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decompose(rectangular(3), np.ones((3, 2))), r"unitary: shape \(3, 2\)"),
        (lambda: decompose(rectangular(3), 1.001 * np.eye(3)), "away from unitary"),
        (lambda: decompose(symmetric(3), np.zeros((3, 3))), "away from unitary"),
        (lambda: decompose(triangular(4), np.tril(np.ones((4, 4)))), "away from unitary"),
        (lambda: decompose(rectangular(2), 1e200 * np.ones((2, 2))), "away from unitary"),
        (lambda: butterfly(7), "n_modes: 7; allowed: a power of two"),
        (lambda: rectangular(1), "n_modes: 1; allowed"),
        (lambda: rectangular(2.5), "n_modes: 2.5; allowed"),
        (lambda: build(rectangular(3), [0, np.nan, 0], np.zeros(3), np.zeros(3)), "theta_rad: holds nan"),
        (lambda: build(rectangular(3), [0, np.inf, 0], np.zeros(3), np.zeros(3)), "theta_rad: holds inf"),
        (lambda: build(rectangular(3), np.zeros((0, 3)), np.zeros(3), np.zeros(3)), "theta_rad: shape"),
        (lambda: build(rectangular(3), np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(3)), "theta_rad: 2 set"),
        (lambda: build(rectangular(3), np.zeros(3), np.zeros(3), np.zeros(2)), "out_phase_rad: shape"),
        (lambda: build(*THREE, np.zeros(1)), "edge_phase_rad: shape"),
        (lambda: build(*THREE, threads=0), "threads: 0"),
        (lambda: build(*THREE, dtype=float), "dtype: float64"),
        (lambda: propagate(THREE[0], np.ones((2, 1)), *THREE[1:]), r"fields: shape \(2, 1\)"),
        (lambda: propagate(THREE[0], np.full((3, 1), np.nan), *THREE[1:]), "fields: not all finite"),
        (lambda: build(*THREE, imperfections=MeshImperfections(theta_loss_db=np.nan)), "theta_loss_db: nan"),
        (
            lambda: build(*THREE, imperfections=MeshImperfections(out_loss_db=np.zeros(2))),
            "out_loss_db: shape",
        ),
        (lambda: from_layers("x", 3, [[(0, 1), (1, 2)]]), "mode 1 twice in layer 0"),
        (lambda: from_layers("x", 3, [[(0, 3)]]), "partner: 3; allowed: modes from 0 to 2"),
        (lambda: from_layers("x", 3, [[(0, 1)]], edges=[(2, 0)]), "edge_layer: 2; allowed: 0 to 1"),
        (lambda: from_layers("x", 3, [[(0, 1)]], cell="round"), "cell: 'round'"),  # type: ignore[arg-type]
        (
            lambda: build(
                from_layers("x", 3, [[(0, 1)]], edges=[(0, 2), (1, 2)]), *np.zeros((2, 1)), np.zeros(3)
            ),
            "edges: two shifters on mode 2",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call()

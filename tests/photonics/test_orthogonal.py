import numpy as np
import pytest

from photonzero.photonics.cores.meshes import block_phases, build_blocks
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import orthogonal
from photonzero.photonics.mesh.orthogonal import build_orthogonal, decompose_orthogonal
from photonzero.photonics.mesh.topologies import butterfly, rectangular, symmetric, triangular

ROUNDOFF = 2e-14  # about 100 roundings of numbers of order one


def product_of_rotations(theta, n):
    """The mesh, written independently: a product of embedded 2 x 2 rotations."""
    u = np.eye(n)
    k = 0
    for layer in range(n):
        for a in range(layer % 2, n - 1, 2):
            r = np.eye(n)
            c, s = np.cos(theta[k]), np.sin(theta[k])
            r[a : a + 2, a : a + 2] = [[c, -s], [s, c]]
            u = r @ u
            k += 1
    assert k == len(theta)
    return u


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_mesh_equals_a_product_of_rotations(n):
    theta = np.random.default_rng(n).uniform(0, 7, (3, rectangular(n).n_mzi))
    built = build_orthogonal(rectangular(n), theta)
    for p in range(3):
        np.testing.assert_allclose(built[p], product_of_rotations(theta[p], n), atol=ROUNDOFF)
        np.testing.assert_allclose(built[p] @ built[p].T, np.eye(n), atol=ROUNDOFF)


def test_direction_and_sign_on_one_cell():
    # Light in the upper mode leaves with sin(theta) in the lower one.
    u = build_orthogonal(rectangular(2), np.array([[0.3]]))[0]
    np.testing.assert_allclose(u @ [1.0, 0.0], [np.cos(0.3), np.sin(0.3)], rtol=1e-15)


def test_the_first_layer_meets_the_light_first():
    theta = np.zeros((1, 6))
    theta[0, 0] = np.pi / 2  # layer 0 swaps mode 0 into mode 1
    theta[0, 2] = np.pi / 2  # layer 1 moves it on to mode 2
    np.testing.assert_allclose(
        build_orthogonal(rectangular(4), theta)[0] @ [1.0, 0, 0, 0], [0, 0, 1.0, 0], atol=1e-15
    )


def test_compiled_equals_uncompiled():
    theta = np.random.default_rng(0).uniform(0, 7, (2, 6))
    out = np.empty((2, 4, 4))
    orthogonal._build.py_func(theta, rectangular(4).row, rectangular(4).partner, out)
    np.testing.assert_allclose(build_orthogonal(rectangular(4), theta), out, atol=1e-15)


@pytest.mark.parametrize("make", [rectangular, butterfly])
def test_compiled_imperfect_meshes_equal_uncompiled_ones(make):
    topology, rng = make(4), np.random.default_rng(1)
    theta = rng.uniform(0, 7, (2, 3, topology.n_mzi))
    cells = orthogonal.rotation_cells(*rng.normal(scale=0.1, size=(2, 3, topology.n_mzi)), 0.9)
    out = np.empty((2, 3, 4, 4), np.complex128)
    orthogonal._build_imperfect.py_func(theta, topology.row, topology.partner, cells, out)
    np.testing.assert_allclose(orthogonal.build_imperfect(topology, theta, cells), out, atol=1e-15)


def matrices():
    rng = np.random.default_rng(3)
    for n in (2, 3, 6, 8):
        yield f"random{n}", np.linalg.qr(rng.standard_normal((n, n)))[0]
        yield f"identity{n}", np.eye(n)
        yield f"permutation{n}", np.eye(n)[rng.permutation(n)]
        yield f"signs{n}", np.diag(rng.choice([-1.0, 1.0], n))
    block = np.eye(8)
    block[2:5, 2:5] = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    yield "block", block


@pytest.mark.parametrize(("name", "matrix"), list(matrices()))
@pytest.mark.parametrize("make", [rectangular, triangular, symmetric])
def test_decomposition_is_exact(make, name, matrix):
    topology = make(len(matrix))
    theta, signs = decompose_orthogonal(topology, matrix)
    rebuilt = signs[:, None] * build_orthogonal(topology, theta[None])[0]
    np.testing.assert_allclose(rebuilt, matrix, atol=ROUNDOFF)


def test_a_block_takes_any_matrix_within_its_largest_singular_value():
    rng = np.random.default_rng(4)
    matrix = rng.standard_normal((5, 5))
    u, s, v, cut = block_phases(rectangular(len(matrix)), matrix, s_max=10.0)
    assert cut == 0.0
    np.testing.assert_allclose(
        build_blocks(rectangular(5), (u[None], s[None], v[None]), 10.0)[0], matrix, atol=1e-13
    )


def test_larger_singular_values_are_cut_and_reported():
    matrix = np.diag([3.0, 1.0, 0.5])
    u, s, v, cut = block_phases(rectangular(len(matrix)), matrix, s_max=2.0)
    assert cut == pytest.approx(1.0)
    np.testing.assert_allclose(
        build_blocks(rectangular(3), (u[None], s[None], v[None]), 2.0)[0],
        np.diag([2.0, 1.0, 0.5]),
        atol=1e-13,
    )


def test_bad_input_is_named():
    with pytest.raises(PhotonicsError, match=r"theta_rad: shape \(1, 5\); allowed: \(P, 6\)"):
        build_orthogonal(rectangular(4), np.zeros((1, 5)))
    with pytest.raises(PhotonicsError, match=r"matrix: shape \(2, 3\); allowed: \(2, 2\)"):
        decompose_orthogonal(rectangular(2), np.zeros((2, 3)))
    with pytest.raises(PhotonicsError, match="differs from the identity"):
        decompose_orthogonal(rectangular(2), np.ones((2, 2)))
    with pytest.raises(PhotonicsError, match="topology: 'butterfly'; allowed: rectangular"):
        decompose_orthogonal(butterfly(4), np.eye(4))
    with pytest.raises(PhotonicsError, match="n_modes: 1"):
        rectangular(1)


def test_rotations_have_the_bits_of_numpy():
    # Fused products would round less: starts of trainings would change with how a kernel is compiled.
    pair = np.random.default_rng(3).standard_normal((2, 1000))
    c, s = np.cos(0.7), np.sin(0.7)
    expected = c * pair[0] - s * pair[1], s * pair[0] + c * pair[1]
    orthogonal._rotate(pair[0], pair[1], c, s)
    np.testing.assert_array_equal(pair, expected)


@pytest.mark.parametrize("make", [rectangular, symmetric])
def test_nulling_from_both_sides_equals_the_steps_one_by_one(make):
    n = 7
    matrix = np.linalg.qr(np.random.default_rng(4).standard_normal((n, n)))[0]
    u, cells = matrix.copy(), []
    for i in range(n - 1):
        for j in range(i + 1):
            a, left = (i - j, False) if i % 2 == 0 else (n - 2 - i + j, True)
            pair = (u[a + 1, j], u[a, j]) if left else (u[n - 1 - j, a], u[n - 1 - j, a + 1])
            theta = np.arctan2(-pair[0], pair[1]) if left else np.arctan2(*pair)
            rotation = np.eye(n)
            rotation[a : a + 2, a : a + 2] = [[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]]
            u = rotation @ u if left else u @ rotation.T
            cells.append((left, a, theta))
    # Elements are nulled one after the other, and a diagonal of signs is left.
    np.testing.assert_allclose(u, np.diag(np.sign(np.diag(u))), atol=ROUNDOFF)
    angles, signs = decompose_orthogonal(make(n), matrix)
    np.testing.assert_allclose(np.sort(np.abs(angles)), np.sort([abs(t) for _, _, t in cells]), atol=ROUNDOFF)
    np.testing.assert_allclose(
        np.diag(signs) @ build_orthogonal(make(n), angles[None])[0], matrix, atol=ROUNDOFF
    )

"""Tensor trains against the matrices that they stand for."""

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.networks.twins import grow_network
from photonzero.photonics.tensor_train import grown_cores, tt_gradients, tt_matrix, tt_svd

OUT, IN = (2, 3, 4), (3, 2, 2)
RNG = np.random.default_rng(0)
MATRIX = RNG.standard_normal((24, 12))


def unfolding_tails(matrix, ranks):
    """What the best matrices of these ranks miss of every unfolding."""
    pairs = matrix.reshape(*OUT, *IN).transpose(0, 3, 1, 4, 2, 5)
    tails = []
    for k, rank in enumerate(ranks, start=1):
        rows = int(np.prod(pairs.shape[: 2 * k]))
        s = np.linalg.svd(pairs.reshape(rows, -1), compute_uv=False)
        tails.append(np.sqrt((s[rank:] ** 2).sum()))
    return np.array(tails)


def test_full_rank_is_exact():
    cores = tt_svd(MATRIX, OUT, IN)
    assert [core.shape for core in cores] == [(1, 2, 3, 6), (6, 3, 2, 8), (8, 4, 2, 1)]
    np.testing.assert_allclose(tt_matrix(cores), MATRIX, atol=1e-13)


def test_entries_are_products_of_core_slices():
    cores = tt_svd(MATRIX, OUT, IN, max_rank=3)
    i, j = (1, 2, 3), (2, 0, 1)
    entry = cores[0][:, i[0], j[0], :] @ cores[1][:, i[1], j[1], :] @ cores[2][:, i[2], j[2], :]
    row, column = np.ravel_multi_index(i, OUT), np.ravel_multi_index(j, IN)
    assert tt_matrix(cores)[row, column] == pytest.approx(entry[0, 0], rel=1e-13)


@pytest.mark.parametrize("rank", [1, 2, 4, 7])
def test_the_error_is_quasi_optimal(rank):
    cores = tt_svd(MATRIX, OUT, IN, max_rank=rank)
    ranks = [core.shape[0] for core in cores[1:]]
    assert max(ranks) == min(rank, 8)
    error = np.linalg.norm(tt_matrix(cores) - MATRIX)
    tails = unfolding_tails(MATRIX, ranks)
    # No tensor train of these ranks is closer than the worst unfolding allows.
    assert tails.max() * (1 - 1e-12) <= error <= np.sqrt((tails**2).sum()) * (1 + 1e-12)


@pytest.mark.parametrize("tolerance", [0.5, 0.1, 1e-3])
def test_the_tolerance_is_kept_with_no_more_rank_than_needed(tolerance):
    low = tt_matrix([RNG.standard_normal(shape) for shape in ((1, 2, 3, 2), (2, 3, 2, 2), (2, 4, 2, 1))])
    noisy = low + 1e-5 * RNG.standard_normal(low.shape)
    cores = tt_svd(noisy, OUT, IN, tolerance=tolerance)
    assert np.linalg.norm(tt_matrix(cores) - noisy) <= tolerance * np.linalg.norm(noisy)
    assert max(core.shape[0] for core in cores) <= 2


def test_cores_of_a_matrix_on_a_chip_are_the_matrix():
    cores = tt_svd(MATRIX, OUT, IN)
    ranks = (*(core.shape[0] for core in cores), 1)
    layer = TTLayer(OUT, IN, ranks, "identity", Numbers())
    chip = fabricate(
        NetworkDesign("matrix", "", (layer,), n_out=24, readout=False), NoiseModel(), 0, dtype=np.float64
    )
    controls = np.concatenate([*(core.ravel() for core in cores), np.zeros(24)])
    inputs = RNG.standard_normal((5, 12))
    np.testing.assert_allclose(chip.measure(controls[None], inputs)[0], inputs @ MATRIX.T, atol=1e-12)


def test_gradients_of_the_published_layer_contract_to_the_directional_derivative():
    layer = get_design("tt-mnist").layers[0]
    shapes = list(zip(layer.ranks, layer.out_modes, layer.in_modes, layer.ranks[1:], strict=False))
    cores = [RNG.standard_normal(shape) for shape in shapes]
    slope = RNG.standard_normal((layer.n_out, layer.n_in))
    change = [RNG.standard_normal(shape) for shape in shapes]

    # The matrix in one go, letters i and j for rows and columns.
    def matrix(parts):
        return np.einsum("aibc,cjde,ekfg,glhm->ijklbdfh", *parts, optimize=True).reshape(slope.shape)

    swapped = [
        sum((slope * matrix([*cores[:k], change[k], *cores[k + 1 :]])).sum() for k in range(len(cores)))
    ]
    contracted = sum((g * c).sum() for g, c in zip(tt_gradients(cores, slope), change, strict=True))
    assert contracted == pytest.approx(swapped[0], rel=1e-10)


def test_grown_cores_have_the_same_product_and_new_directions_to_learn():
    cores = tt_svd(MATRIX, OUT, IN, max_rank=2)
    grown = grown_cores(cores, 7, np.random.default_rng(1))
    assert [core.shape for core in grown] == [(1, 2, 3, 6), (6, 3, 2, 7), (7, 4, 2, 1)]
    np.testing.assert_allclose(tt_matrix(grown), tt_matrix(cores), atol=1e-14)
    # The new zeros of a core matter: changing them changes the matrix.
    grown[1][3] += 1.0
    assert np.linalg.norm(tt_matrix(grown) - tt_matrix(cores)) > 0.1


@pytest.mark.parametrize("name", ["tt-tiny", "tonn-tiny"])
def test_a_grown_network_computes_the_same_function(name):
    design = get_design(name)
    rng = np.random.default_rng(2)
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    controls = chip.initial_controls(rng)
    larger, grown = grow_network(design, controls, 3, rng)
    assert larger.layers[1].ranks == (1, 3, 1)
    assert [layer.core.kind for layer in larger.layers] == [layer.core.kind for layer in design.layers]
    inputs = rng.standard_normal((7, 3))
    wanted = chip.measure(controls[None], inputs)
    found = fabricate(larger, NoiseModel(), 0, dtype=np.float64).measure(grown[None], inputs)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tt_svd(MATRIX, (2, 3), IN), r"a matrix \(24, 12\) for modes \(2, 3\)"),
        (lambda: tt_svd(MATRIX, OUT, (3, 2, 3)), r"allowed: \(24, 18\)"),
        (lambda: tt_svd(MATRIX, OUT, IN, max_rank=0), "max_rank 0; allowed: >= 1"),
        (lambda: tt_svd(MATRIX, OUT, IN, tolerance=-1.0), "tolerance -1.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call()

"""The host's algebra on measured layers, each part against a slow twin."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.training.layers.network import MeasuredLayer, derivatives, noise_gram, passed
from photonzero.training.layers.tangents import core_changes, probe_vectors, turned
from photonzero.training.layers.tensor_train import core_gradients, tt_cores, tt_matrix
from photonzero.training.layers.weighing import (
    reading_variance,
    shared_repeats,
    weighed,
    weighing_design,
    weighing_vectors,
)

SHAPES = [
    ((8, 8), (2, 1), (1, 2, 1)),
    ((4, 2, 3), (2, 3, 4), (1, 2, 3, 1)),
    ((5,), (7,), (1, 1)),
]


def random_cores(out_modes, in_modes, ranks, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((ranks[k], m, n, ranks[k + 1]))
        for k, (m, n) in enumerate(zip(out_modes, in_modes, strict=True))
    ]


def entry_by_entry(cores):
    """The matrix of a tensor train by its definition."""
    outs, ins = [c.shape[1] for c in cores], [c.shape[2] for c in cores]
    matrix = np.empty((*outs, *ins))
    for place in np.ndindex(matrix.shape):
        product = np.eye(1)
        for core, i, j in zip(cores, place[: len(cores)], place[len(cores) :], strict=True):
            product = product @ core[:, i, j, :]
        matrix[place] = product[0, 0]
    return matrix.reshape(np.prod(outs), np.prod(ins))


@pytest.fixture(params=SHAPES, ids=str)
def cores(request):
    return random_cores(*request.param)


def test_matrix_and_back(cores):
    matrix = tt_matrix(cores)
    np.testing.assert_allclose(matrix, entry_by_entry(cores), atol=1e-12)
    modes = [c.shape[1] for c in cores], [c.shape[2] for c in cores]
    again = tt_cores(matrix, *modes, [1, *(c.shape[3] for c in cores)])
    np.testing.assert_allclose(tt_matrix(again), matrix, atol=1e-10)


def test_ranks_take_noise_off_and_its_singular_values_too():
    cores = random_cores((8, 8), (8, 8), (1, 2, 1))
    noise = 1e-3 * np.random.default_rng(1).standard_normal((64, 64))
    measured = tt_matrix(cores) + noise
    kept = tt_cores(measured, (8, 8), (8, 8), (1, 2, 1))
    left = np.linalg.norm(tt_matrix(kept) - tt_matrix(cores))
    assert left < 0.3 * np.linalg.norm(noise)
    # Room for twice the rank, as imperfect couplers need, is not filled with noise.
    assert [c.shape[0] for c in tt_cores(measured, (8, 8), (8, 8), (1, 4, 1), 1e-3)] == [1, 2]


def test_core_gradients_are_those_of_the_contraction(cores):
    rng = np.random.default_rng(2)
    n, m = tt_matrix(cores).shape[1], len(tt_matrix(cores))
    inputs, adjoints = rng.standard_normal((4, 3, n)), rng.standard_normal((4, 3, m))
    gradients, by_input = core_gradients(cores, inputs, adjoints)

    def numbers():
        return np.einsum("rkm,mn,rkn->r", adjoints, tt_matrix(cores), inputs)

    for core, gradient in zip(cores, gradients, strict=True):
        for place in range(core.size):
            before = numbers()
            core.ravel()[place] += 1.0  # linear in each core: a difference of any size is exact
            np.testing.assert_allclose(gradient[:, place], numbers() - before, atol=1e-10)
            core.ravel()[place] -= 1.0
    np.testing.assert_allclose(by_input, adjoints @ tt_matrix(cores), atol=1e-10)


def test_weighing_is_exact_and_its_noise_follows_the_law():
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((5, 6))
    vectors = weighing_vectors(6, 0.5)
    assert vectors.shape == (8, 6)
    np.testing.assert_allclose(weighed(vectors @ matrix.T, vectors), matrix, atol=1e-12)
    sigma, n_trials = 0.1, 4000
    readings = vectors @ matrix.T + sigma * rng.standard_normal((n_trials, 8, 5))
    variance = weighed(readings, vectors).var(axis=0)
    # sigma^2 / (N size^2), 30 estimates of relative deviation sqrt(2 / n_trials).
    np.testing.assert_allclose(variance, sigma**2 / (8 * 0.25), rtol=4.5 * np.sqrt(2 / n_trials))
    # Two of eight vectors are left over for six inputs: 4000 x 5 x 2 degrees of freedom.
    found = reading_variance(readings, vectors, weighed(readings, vectors))
    assert found == pytest.approx(sigma**2, rel=4.5 * np.sqrt(2 / 40_000))
    assert reading_variance(readings[:, :6], vectors[:6], np.zeros((n_trials, 5, 6))) == 0.0


@pytest.mark.parametrize("n", [2, 8])
def test_what_a_converter_rounds_is_noise_of_a_design(n):
    rng = np.random.default_rng(9)
    matrix, step = rng.standard_normal((64, n)), 0.1
    design = weighing_design(n, 64, 0.8, rng)
    assert np.abs(design).max() <= 0.8
    np.testing.assert_allclose(weighed(design @ matrix.T, design), matrix, atol=1e-12)
    rounded = step * np.round(design @ matrix.T / step)
    found = weighed(rounded, design)
    # Rounding errs by step^2 / 12, about: readings of less than a step err alike.
    assert reading_variance(rounded, design, found) == pytest.approx(step**2 / 12, rel=0.2)
    error = np.sqrt(((found - matrix) ** 2).mean() * (design**2).sum(axis=0).mean())
    assert error == pytest.approx(step / np.sqrt(12), rel=0.5)


@pytest.mark.parametrize("n_inputs", [(2, 64), (16, 512, 512), (5,)])
def test_repeats_are_shared_for_the_least_error_of_a_pass(n_inputs):
    sizes = np.array([1 << (n - 1).bit_length() for n in n_inputs])
    found = np.array(shared_repeats(n_inputs, 8))
    budget = 8 * sizes.sum()
    assert found @ sizes == pytest.approx(budget, rel=0.1)
    # What is left of a reading's variance: N / B of each layer. By Cauchy and Schwarz it is at least this,
    # but for whole numbers.
    assert (1 / found).sum() == pytest.approx(np.sqrt(sizes).sum() ** 2 / budget, rel=0.1)
    assert shared_repeats(n_inputs, 1)[-1] == 1


@pytest.mark.parametrize("x", [0.1, 2.0, 6.2])
@pytest.mark.parametrize("response", ["sinusoid", "smooth"])
def test_slopes_are_exact_on_what_they_are_made_for(x, response):
    a, b, c = 0.3, -1.2, 0.7

    def reading(y):
        if response == "sinusoid":
            return a + b * np.cos(y) + c * np.sin(y)
        return a + b * y + c * y**2

    slope = -b * np.sin(x) + c * np.cos(x) if response == "sinusoid" else b + 2 * c * x
    probes = turned(np.array([9.0, x]), np.array([1]), 0.8, 0.0, 2 * np.pi, response)
    assert (probes.settings[:, 0] == 9.0).all()
    assert (probes.settings[:, 1] >= 0).all()
    assert (probes.settings[:, 1] <= 2 * np.pi).all()
    read = reading(probes.settings[:, 1])[:, None, None]
    np.testing.assert_allclose(probes.slopes(reading(np.array([[x]])), read).ravel(), slope, rtol=1e-12)


def test_changes_of_a_core_are_found_from_a_few_random_vectors(cores):
    rng = np.random.default_rng(4)
    n = tt_matrix(cores).shape[1]
    vectors = rng.choice([-1.0, 1.0], (6, n))
    if len(cores) == 1:
        vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    for k, core in enumerate(cores):
        wanted = rng.standard_normal((3, *core.shape))
        changed = [tt_matrix([*cores[:k], own, *cores[k + 1 :]]) for own in wanted]
        found = core_changes(cores, k, vectors, np.stack([vectors @ w.T for w in changed]))
        # A core may be undetermined where that makes no difference to the matrix.
        for own, matrix in zip(found, changed, strict=True):
            again = tt_matrix([*cores[:k], own.reshape(core.shape), *cores[k + 1 :]])
            np.testing.assert_allclose(again, matrix, atol=1e-8)


def test_noise_of_a_change_follows_the_law():
    cores = random_cores((8, 8), (8, 8), (1, 2, 1))
    rng = np.random.default_rng(8)
    vectors = probe_vectors(cores, rng)
    sigma, n_trials = 1e-3, 2000
    noise = sigma * rng.standard_normal((n_trials, len(vectors), 64))
    for k, core in enumerate(cores):
        # Least squares is linear: the readings of each entry alone say how errors of readings pass on.
        columns = []
        for place in range(core.size):
            own = np.zeros(core.size)
            own[place] = 1.0
            changed = [*cores[:k], own.reshape(core.shape), *cores[k + 1 :]]
            columns.append((vectors @ tt_matrix(changed).T).ravel())
        expected = sigma**2 * (np.linalg.pinv(np.array(columns).T) ** 2).sum()
        found = (core_changes(cores, k, vectors, noise) ** 2).sum(axis=1).mean()
        assert found == pytest.approx(expected, rel=4 * np.sqrt(2 / n_trials))


def test_uneven_surroundings_ask_for_few_vectors():
    # Its first bond passes one direction ten times as strongly as the others: even all 64 inputs leave
    # entries that err ten times as much as they would from even readings.
    cores = random_cores((8, 8), (8, 8), (1, 4, 1))
    cores[1] = cores[1] * np.array([1.0, 0.1, 0.1, 0.1])[:, None, None, None]
    assert len(probe_vectors(cores, np.random.default_rng(12))) < 16


def test_changes_below_noise_are_left_out_and_ask_for_no_vectors():
    rng = np.random.default_rng(10)
    strong, weak = (random_cores((8, 8), (8, 8), (1, 1, 1), seed) for seed in (1, 2))
    # Rank two, the second a thousandth of the first.
    cores = [
        np.concatenate([strong[0], 1e-3 * weak[0]], axis=3),
        np.concatenate([strong[1], weak[1]], axis=0),
    ]
    few, many = probe_vectors(cores, rng, 1e-2), probe_vectors(cores, rng)
    assert len(few) < len(many)
    wanted = rng.standard_normal((50, *cores[0].shape))
    wanted[25:] = 0.0
    changed = np.stack([tt_matrix([own, cores[1]]) for own in wanted])
    sigma = 0.3
    readings = np.swapaxes(few @ np.swapaxes(changed, 1, 2), 1, 2).swapaxes(1, 2)
    readings = readings + sigma * rng.standard_normal(readings.shape)

    def errors(variances):
        found = core_changes(cores, 0, few, readings, variances)
        again = np.stack([tt_matrix([own.reshape(cores[0].shape), cores[1]]) for own in found])
        return ((again - changed) ** 2).sum(axis=(1, 2))

    plain, ridge = errors(0.0), errors(np.full(50, sigma**2))
    # Those with an effect are found no worse, as far as 25 draws tell; those without are, but for noise,
    # known to have none.
    assert ridge[:25].mean() < 1.05 * plain[:25].mean()
    assert ridge[25:].mean() < 0.1 * plain[25:].mean()


def random_network(seed=5, full_scale=np.inf):
    rng = np.random.default_rng(seed)
    first = MeasuredLayer.of(random_cores((4, 2), (3, 1), (1, 2, 1), seed), rng.standard_normal(8), "tanh")
    second = MeasuredLayer.of(
        [0.5 * c for c in random_cores((3, 2), (4, 2), (1, 2, 1), seed + 1)],
        rng.standard_normal(6),
        "sin",
        full_scale,
    )
    third = MeasuredLayer.of(
        [0.5 * c for c in random_cores((5,), (6,), (1, 1), seed + 2)], rng.standard_normal(5), "gelu"
    )
    return [first, second, third]


FORMS = np.array([np.eye(2), [[0.0, 0.5], [0.5, 0.0]]])


@pytest.mark.parametrize("name", ["identity", "sin", "tanh", "relu", "gelu"])
def test_jets_are_derivatives_of_the_values(name):
    rng = np.random.default_rng(8)
    layers = [
        MeasuredLayer.of(random_cores((m,), (n,), (1, 1), n), rng.standard_normal(m), name)
        for m, n in ((6, 2), (5, 6))
    ]
    points, h = rng.standard_normal((7, 1, 2)), 1e-4
    ways = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]])
    around = passed(layers, points + h * ways).features
    jets = passed(layers, points, FORMS).features
    np.testing.assert_allclose(jets[:, 0], around[:, 0], rtol=1e-12)
    for axis in (1, 2):
        slope = (around[:, 2 * axis - 1] - around[:, 2 * axis]) / (2 * h)
        np.testing.assert_allclose(jets[:, axis], slope, atol=1e-6)
    laplacian = (around[:, 1:5].sum(axis=1) - 4 * around[:, 0]) / h**2
    mixed = (around[:, 5] + around[:, 6] - around[:, 7] - around[:, 8]) / (4 * h**2)
    np.testing.assert_allclose(jets[:, 3], laplacian, atol=1e-5)
    np.testing.assert_allclose(jets[:, 4], mixed, atol=1e-5)


@pytest.mark.parametrize(
    ("forms", "cut_off"),
    [(None, slice(0)), (FORMS, slice(0)), (None, slice(2))],
    ids=["nodes", "jets", "cut off"],
)
def test_derivatives_are_finite_differences_of_the_network(forms, cut_off):
    layers = random_network(full_scale=0.5)
    rng = np.random.default_rng(6)
    points = rng.standard_normal((4, 3 if forms is None else 1, 2))
    by_features = rng.standard_normal((4, 3 if forms is None else 5, 5))

    def numbers(k, layer):
        changed = [*layers[:k], layer, *layers[k + 1 :]]
        return (passed(changed, points, forms, None, cut_off).features * by_features).sum(axis=(1, 2))

    def difference(k, move):
        pair = [numbers(k, move(sign * 1e-6)) for sign in (1.0, -1.0)]
        return (pair[0] - pair[1]) / 2e-6

    way_of_points = passed(layers, points, forms, None, cut_off)
    if cut_off.stop:
        assert 0.1 < way_of_points.within[1][:, cut_off].mean() < 0.9
        assert way_of_points.within[1][:, cut_off.stop :].all()
    found = derivatives(layers, way_of_points, by_features)
    for k, (layer, own) in enumerate(zip(layers, found, strict=True)):
        for c, core in enumerate(layer.cores):
            way = rng.standard_normal(core.shape)

            def move_core(size, layer=layer, c=c, core=core, way=way):
                cores = [*layer.cores[:c], core + size * way, *layer.cores[c + 1 :]]
                return MeasuredLayer.of(cores, layer.bias, layer.activation, layer.full_scale)

            np.testing.assert_allclose(
                own.cores[c] @ way.ravel(), difference(k, move_core), rtol=1e-5, atol=1e-7
            )
        way = rng.standard_normal(layer.bias.shape)

        def move_bias(size, layer=layer, way=way):
            return replace(layer, bias=layer.bias + size * way)

        np.testing.assert_allclose(own.bias @ way, difference(k, move_bias), rtol=1e-5, atol=1e-7)


def test_noise_of_an_output_by_its_form_and_by_chance():
    layers = random_network()
    rng = np.random.default_rng(7)
    points, weights = rng.standard_normal((6, 1, 2)), rng.random(6)
    variances = (4e-8, 1e-8, 9e-8)
    gram = noise_gram(layers, passed(layers, points), variances, weights)
    assert not gram[-1].any()
    theta = rng.standard_normal(6)
    n_draws = 20_000
    errors = [
        np.sqrt(v) * rng.standard_normal((n_draws * 6, 1, len(layer.bias)))
        for v, layer in zip(variances, layers, strict=True)
    ]
    features = passed(layers, np.tile(points, (n_draws, 1, 1)), errors=errors).features
    outputs = (features @ theta[:-1]).reshape(n_draws, 6)
    expected = weights @ outputs.var(axis=0)
    assert theta @ gram @ theta == pytest.approx(expected, rel=4 * np.sqrt(2 / n_draws))

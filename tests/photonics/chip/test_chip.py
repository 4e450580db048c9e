from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.designs import design_names, get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.training.oracle import ReadoutOracle, Stencil

TINY = get_design("tonn-tiny")
NOISY = replace(preset("published"), readout_noise=ReadoutNoise(0.01), programming_std_rad=0.01)


def settings(chip, n=3, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([chip.initial_controls(rng) for _ in range(n)])


def inputs(n=40, d=3, seed=1):
    return np.random.default_rng(seed).random((n, d))


def rotation_product(theta, k):
    u, index = np.eye(k), 0
    for layer in range(k):
        for a in range(layer % 2, k - 1, 2):
            r = np.eye(k)
            c, s = np.cos(theta[index]), np.sin(theta[index])
            r[a : a + 2, a : a + 2] = [[c, -s], [s, c]]
            u, index = r @ u, index + 1
    return u


def numpy_network(design, groups, controls, x):
    """The chip's network straight from its phases, through full core tensors."""
    for number, layer in enumerate(design.layers, start=1):
        full = np.ones((1, 1, 1))
        for c, (rows, columns) in enumerate(layer.core_shapes):
            name = f"layer{number}/core{c}"
            if not layer.core.is_optical:
                core = controls[groups[name].slice].reshape(rows, columns)
            else:
                k = layer.core.size
                down, across = layer.core.grid(rows, columns)
                parts = [controls[groups[f"{name}/{m}"].slice].reshape(down * across, -1)
                         for m in "UsV"]  # fmt: skip
                blocks = [
                    rotation_product(u, k)
                    @ np.diag(layer.largest_singular_value * np.cos(s))
                    @ rotation_product(v, k)
                    for u, s, v in zip(*parts, strict=True)
                ]
                grid = [blocks[i * across : (i + 1) * across] for i in range(down)]
                core = np.block(grid)[:rows, :columns]
            r = layer.ranks
            g = core.reshape(r[c], layer.out_modes[c], layer.in_modes[c], r[c + 1])
            full = np.einsum("oia,amnb->ominb", full, g)
            full = full.reshape(full.shape[0] * full.shape[1], -1, full.shape[4])
        x = np.sin(x @ full[:, :, 0].T + controls[groups[f"layer{number}/bias"].slice])
    w = controls[groups["readout/weight"].slice].reshape(design.n_out, -1)
    return x @ w.T + controls[groups["readout/bias"].slice]


def test_published_numbers_of_controls():
    chip = fabricate(get_design("tonn-hjb20"), preset("published"), 0)
    assert chip.n_controls == 2049
    phases = [g for g in chip.control_groups.values() if g.kind == "phase"]
    assert sum(g.stop - g.start for g in phases) == 512
    assert {g.grid_step for g in phases} == {2 * np.pi / 255}
    # 8 blocks of 2 x 28 MZIs.
    assert sum(layer.n_mesh_mzi for layer in chip.design.layers) == 448


@pytest.mark.parametrize("name", design_names())
def test_groups_cover_the_controls_once(name):
    chip = fabricate(get_design(name), preset("ideal"), 0)
    ends = [0] + [g.stop for g in chip.control_groups.values()]
    assert [g.start for g in chip.control_groups.values()] == ends[:-1]
    assert ends[-1] == chip.n_controls


WIDE = NetworkDesign(
    "wide", "cores larger than a block", (TTLayer((5, 3), (2, 3), (1, 3, 1), core=Meshes(4)),), n_out=2
)


@pytest.mark.parametrize("design", [TINY, get_design("tt-tiny"), WIDE], ids=lambda d: d.name)
def test_ideal_chip_equals_a_network_made_from_its_phases(design):
    chip = fabricate(design, preset("ideal"), 0, dtype=np.float64)
    controls = settings(chip)
    x = inputs(d=design.n_in)
    measured = chip.measure(controls, x)
    for p in range(3):
        expected = numpy_network(design, chip.control_groups, controls[p], x)
        np.testing.assert_allclose(measured[p], expected, atol=1e-12)


def test_published_hjb_chip_equals_a_network_made_from_its_phases():
    design = get_design("tonn-hjb20")
    chip = fabricate(design, preset("ideal"), 0)
    controls, x = settings(chip, 1), inputs(20, 21)
    expected = numpy_network(design, chip.control_groups, controls[0], x)
    np.testing.assert_allclose(chip.measure(controls, x)[0], expected, atol=2e-5)


def test_initial_controls_keep_signals_alive():
    chip = fabricate(get_design("tonn-hjb20"), preset("published"), 3)
    y = chip.measure(settings(chip, 20), inputs(100, 21) * 2 - 1)
    assert 0.1 < y.std() < 3


def test_stencil_equals_its_points_without_dynamic_noise():
    chip = fabricate(TINY, preset("published"), 0, dtype=np.float64)
    rng = np.random.default_rng(4)
    stencil = Stencil(rng.random((50, 3)), 0.1 * rng.standard_normal((7, 3)))
    controls = settings(chip)
    np.testing.assert_allclose(
        chip.measure(controls, stencil), chip.measure(controls, stencil.points()), atol=1e-13
    )


def test_one_setting_has_one_answer_and_lists_are_welcome():
    chip = fabricate(TINY, preset("published"), 0)
    controls, x = settings(chip, 1), inputs()
    answer = chip.measure(controls, x)
    np.testing.assert_array_equal(chip.measure(controls[0], x), answer[0])
    np.testing.assert_array_equal(chip.measure(controls[0].tolist(), x.tolist()), answer[0])
    features = chip.measure_features(controls, x)
    np.testing.assert_array_equal(chip.measure_features(controls[0], x), features[0])


def test_a_chip_says_what_it_is():
    named = fabricate(TINY, preset("published"), 3)
    said = f"ReadoutChip(design 'tonn-tiny', noise published, seed 3, {named.n_controls} controls)"
    assert repr(named) == said
    assert "noise of its own" in repr(fabricate(TINY, NOISY, 0))


def test_population_equals_one_by_one_without_dynamic_noise():
    chip = fabricate(TINY, preset("published"), 0)
    controls, x = settings(chip), inputs()
    one_by_one = np.concatenate([chip.measure(c[None], x) for c in controls])
    np.testing.assert_array_equal(chip.measure(controls, x), one_by_one)


@pytest.mark.parametrize("n_together", [1, 8, 9, 16, 17])
def test_few_inputs_are_answered_as_among_many_without_dynamic_noise(n_together):
    # Few are computed in narrow tiles.
    chip = fabricate(get_design("tt-mnist"), preset("ideal"), 0)
    controls, x = settings(chip), inputs(68, 784)
    parts = [chip.measure(controls, x[i : i + n_together]) for i in range(0, 68, n_together)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), chip.measure(controls, x))


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(4)
    stencil = Stencil(rng.random((3000, 3)), 0.1 * rng.standard_normal((7, 3)))
    answers = []
    for threads in (1, 2, 5):
        chip = fabricate(TINY, NOISY, 0, threads=threads)
        answers.append(chip.measure(settings(chip), stencil))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def test_noise_is_fresh_and_continues_after_restore():
    chip = fabricate(TINY, NOISY, 0)
    controls, x = settings(chip), inputs()
    first = chip.measure(controls, x)
    state = chip.state()
    second = chip.measure(controls, x)
    assert (first != second).all()
    chip.restore(state)
    np.testing.assert_array_equal(chip.measure(controls, x), second)
    again = fabricate(TINY, NOISY, 0)
    np.testing.assert_array_equal(again.measure(controls, x), first)


def test_chips_of_other_seeds_differ():
    controls = settings(fabricate(TINY, preset("published"), 0))
    a, b = (fabricate(TINY, preset("published"), s).measure(controls, inputs()) for s in (0, 1))
    assert np.abs(a - b).max() > 0.01


def test_without_imperfections_a_noise_model_is_ideal_bit_for_bit():
    ideal = fabricate(TINY, preset("ideal"), 0)
    zero = fabricate(TINY, NoiseModel(), 7)
    controls = settings(ideal)
    np.testing.assert_array_equal(ideal.measure(controls, inputs()), zero.measure(controls, inputs()))


def test_readout_noise_has_the_stated_size():
    # One linear layer: outputs carry the detector noise and nothing else.
    layer = TTLayer((16,), (3,), (1, 1), activation="identity", full_scale=2.0, core=Numbers())
    design = NetworkDesign("linear", "", (layer,))
    chip = fabricate(design, NoiseModel(readout_noise=ReadoutNoise(0.01)), 0, dtype=np.float64)
    features = chip.measure_features(np.zeros((1, chip.n_controls)), np.zeros((5000, 3)))
    n = features.size
    assert features.std() == pytest.approx(0.02, abs=4 * 0.02 / np.sqrt(2 * n))
    assert abs(features.mean()) < 4 * 0.02 / np.sqrt(n)


def test_features_through_the_readout_are_the_outputs():
    chip = fabricate(TINY, preset("published"), 0, dtype=np.float64)
    controls, x = settings(chip, 1), inputs()
    features = chip.measure_features(controls, x)[0]
    expected = features @ controls[0, chip.readout_weight] + controls[0, chip.readout_bias]
    np.testing.assert_allclose(chip.measure(controls, x)[0, :, 0], expected, atol=1e-13)


def test_ideal_sigma_preset_spares_the_singular_values_only():
    # With all mesh angles at zero a core is diag(s): only the singular values act.
    design = NetworkDesign("one", "", (TTLayer((4,), (4,), (1, 1), "identity", Meshes(4)),))
    published, ideal = preset("published-ideal-sigma"), NoiseModel()
    quantizer_only = replace(
        published, thermal_crosstalk=ideal.thermal_crosstalk, phase_shifter=ideal.phase_shifter
    )
    chip = fabricate(design, quantizer_only, 0, dtype=np.float64)
    controls = np.zeros((1, chip.n_controls))
    s = chip.control_groups["layer1/core0/s"].slice
    controls[0, s] = [0.3, 1.1, 2.2, 2.9]
    features = chip.measure_features(controls, np.eye(4))[0]
    np.testing.assert_allclose(
        np.diag(features),
        design.layers[0].largest_singular_value * np.cos(controls[0, s]),
        atol=1e-14,
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.measure(np.zeros((1, 3)), inputs()), r"controls: shape \(1, 3\)"),
        (lambda c: c.measure(settings(c)[:0], inputs()), r"controls: shape \(0, .*allowed: \(at least 1"),
        (lambda c: c.measure(np.full((1, c.n_controls), np.nan), inputs()), "controls: NaN"),
        (lambda c: c.measure(settings(c), inputs(d=4)), r"inputs: shape \(40, 4\)"),
        (lambda c: c.measure(settings(c), inputs() * np.inf), "inputs: NaN or infinity"),
        (lambda c: c.measure(settings(c), [[1.0]]), r"inputs: shape \(1, 1\); allowed: \(at least 1, 3\)"),
        (lambda c: c.measure(settings(c), [[1.0, 2.0, "a"]]), "inputs: list; allowed: an array"),
        (lambda c: c.measure(settings(c)[0, 1:], inputs()), r"controls: shape \(\d+,\)"),
    ],
)
def test_bad_measurements_are_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call(fabricate(TINY, preset("ideal"), 0))


def test_bad_designs_are_named():
    with pytest.raises(PhotonicsError, match="chip: 'nope'; allowed: tonn-hjb20"):
        get_design("nope")
    with pytest.raises(PhotonicsError, match="allowed: first and last are 1"):
        TTLayer((2,), (2,), (2, 1))
    with pytest.raises(PhotonicsError, match="layer 1 has 4 outputs, layer 2 has 3 inputs"):
        NetworkDesign("x", "", (TTLayer((4,), (2,), (1, 1)), TTLayer((4,), (3,), (1, 1))))
    with pytest.raises(PhotonicsError, match="dtype: int64; allowed: float32, float64"):
        fabricate(TINY, preset("ideal"), 0, dtype=np.int64)
    with pytest.raises(PhotonicsError, match="seed: -1"):
        fabricate(TINY, preset("ideal"), -1)


def test_gain_multiplies_what_the_layer_sums():
    plain = NetworkDesign(
        "a", "", (TTLayer((4,), (3,), (1, 1), "identity", Meshes(4)),), n_out=4, readout=False
    )
    layer = replace(plain.layers[0], gain=3.0)
    fixed = replace(plain, layers=(layer,))
    trained = replace(plain, layers=(replace(layer, trainable_gain=True),))
    x = np.random.default_rng(0).random((5, 3))
    chips = [fabricate(d, preset("published"), 0, dtype=np.float64) for d in (plain, fixed, trained)]
    controls = [chip.initial_controls(np.random.default_rng(1)) for chip in chips]
    bias = controls[0][chips[0].control_groups["layer1/bias"].slice]
    sums = chips[0].measure(controls[0][None], x) - bias
    np.testing.assert_allclose(chips[1].measure(controls[1][None], x) - bias, 3 * sums, rtol=1e-12)
    # The trainable gain is the one control more, and starts where the fixed one is.
    gain = chips[2].control_groups["layer1/gain"].slice
    assert controls[2][gain] == 3.0
    controls[2][gain] = -2.0
    np.testing.assert_allclose(chips[2].measure(controls[2][None], x) - bias, -2 * sums, rtol=1e-12)


def test_a_chip_without_a_readout_answers_with_its_last_layer():
    design = get_design("tonn-mnist")
    chip = fabricate(design, preset("ideal"), 0)
    assert not isinstance(chip, ReadoutOracle)
    assert isinstance(fabricate(get_design("tonn-tiny"), preset("ideal"), 0), ReadoutOracle)
    x = np.random.default_rng(0).random((3, 784))
    assert chip.measure(chip.initial_controls(np.random.default_rng(0))[None], x).shape == (1, 3, 10)


def test_inputs_that_nothing_is_presented_to_are_dark():
    whole = replace(get_design("tt-tiny"), n_inputs=None)
    part = replace(whole, n_inputs=2)
    chips = [fabricate(d, preset("ideal"), 0, dtype=np.float64) for d in (whole, part)]
    controls = chips[0].initial_controls(np.random.default_rng(0))[None]
    x = np.random.default_rng(1).random((6, 2))
    padded = np.concatenate([x, np.zeros((6, 1))], axis=1)
    np.testing.assert_array_equal(chips[1].measure(controls, x), chips[0].measure(controls, padded))
    offsets = np.array([[0.0, 0.0], [0.1, 0.0]])
    np.testing.assert_allclose(
        chips[1].measure(controls, Stencil(x, offsets)),
        chips[1].measure(controls, Stencil(x, offsets).points()),
        atol=1e-12,
    )


@pytest.mark.parametrize("core", [Meshes(4), Numbers()])
def test_a_dense_layer_is_a_matrix(core):
    layer = dense_layer(5, 11, "identity", core)
    chip = fabricate(
        NetworkDesign("dense", "", (layer,), n_out=5, readout=False), preset("ideal"), 0, dtype=np.float64
    )
    controls = chip.initial_controls(np.random.default_rng(0))
    controls[chip.control_groups["layer1/bias"].slice] = 0.0
    matrix = chip.measure(controls[None], np.eye(11))[0].T
    x = np.random.default_rng(1).random((7, 11))
    np.testing.assert_allclose(chip.measure(controls[None], x)[0], x @ matrix.T, atol=1e-12)
    if core == Numbers():
        weights = controls[chip.control_groups["layer1/core0"].slice]
        np.testing.assert_allclose(matrix, weights.reshape(5, 11), atol=1e-15)


def test_counts_of_the_published_mnist_networks():
    dense = fabricate(get_design("dense-mnist"), preset("ideal"), 0)
    assert dense.n_controls == 814_090
    # Cores (r m) x (n r) of ranks 1, 4, 4, 4, 1, and the biases of both layers.
    tt = fabricate(get_design("tt-mnist"), preset("ideal"), 0)
    first = 8 * 28 + 16 * 16 + 16 * 16 + 32 * 7
    second = 1 * 32 + 20 * 16 + 8 * 16 + 4 * 8
    assert tt.n_controls == first + 1024 + second + 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_inputs": 4}, "n_inputs 4; allowed: 1 to 3"),
        ({"readout": False}, "n_out 1 without a readout; allowed: 16"),
    ],
)
def test_designs_that_do_not_fit_are_named(change, message):
    with pytest.raises(PhotonicsError, match=message):
        replace(get_design("tonn-tiny"), **change)


def test_controls_beyond_the_arithmetic_are_named():
    chip = fabricate(TINY, preset("ideal"), 0)
    controls = settings(chip, 1)
    controls[0, chip.readout_bias] = 1e39
    with pytest.raises(PhotonicsError, match=r"controls: 1e\+39; allowed: at most 3\.4e\+38, a float32"):
        chip.measure(controls, inputs())

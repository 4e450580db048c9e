"""Independence of a chip's noise, its zero limit, and the phases that realise a given core."""

import numpy as np
import pytest

from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.designs import get_design
from photonzero.training.oracle import Stencil

STD = 0.01


def linear_chip(n_layers, dtype=np.float64):
    """Identity activations and controls of zero: only what the detectors add is left."""
    layer = TTLayer((4,), (4,), (1, 1), activation="identity", core=Numbers())
    design = NetworkDesign("linear", "", (layer,) * n_layers)
    return fabricate(design, NoiseModel(readout_noise=ReadoutNoise(STD)), 0, dtype=dtype)


def noise_of(chip, n_candidates, inputs):
    return chip.measure_features(np.zeros((n_candidates, chip.n_controls)), inputs)


def correlation(a, b):
    return abs(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_equal_candidates_meet_independent_readout_noise():
    noise = noise_of(linear_chip(1), 2, np.zeros((5000, 4)))
    assert correlation(noise[0], noise[1]) < 4 / np.sqrt(noise[0].size)


def test_readout_noise_repeats_in_no_tile_and_in_no_job():
    # 20,000 points are many tiles and three jobs; doubles of independent draws collide by chance only.
    points = noise_of(linear_chip(1), 1, np.zeros((20_000, 4)))
    assert np.unique(points).size > 0.999 * points.size
    # 10,000 centres of one offset: two jobs of a stencil.
    stencil = noise_of(linear_chip(1), 1, Stencil(np.zeros((10_000, 4)), np.zeros((1, 4))))
    assert np.unique(stencil).size > 0.999 * stencil.size


def test_layers_meet_independent_readout_noise():
    # The second layer passes the first one's noise on unchanged, so the variances add; noise that
    # was the same in both would double the deviation instead.
    chip = linear_chip(2)
    controls = np.zeros((1, chip.n_controls))
    core = chip.control_groups["layer2/core0"].slice
    controls[0, core] = np.eye(4).ravel()
    features = chip.measure_features(controls, np.zeros((5000, 4)))
    n = features.size
    expected = np.sqrt(2) * STD
    assert features.std() == pytest.approx(expected, abs=4 * expected / np.sqrt(2 * n))


def test_vanishing_imperfections_are_the_ideal_chip_bit_for_bit():
    # Far below one rounding of every phase and output, yet not zero: each error path is executed.
    tiny = 1e-30
    vanishing = NoiseModel(
        phase_shifter=PhaseShifter(gamma_std_rad_per_v2=tiny, bias_max_rad=tiny),
        thermal_crosstalk=ThermalCrosstalk(coupling=tiny),
        readout_noise=ReadoutNoise(tiny),
        programming_std_rad=tiny,
    )
    design = get_design("tonn-tiny")
    ideal, almost = (fabricate(design, noise, 7, dtype=np.float64) for noise in (NoiseModel(), vanishing))
    rng = np.random.default_rng(0)
    controls, x = ideal.initial_controls(rng)[None], rng.random((40, 3))
    np.testing.assert_array_equal(almost.measure(controls, x), ideal.measure(controls, x))


def test_initial_controls_realise_the_gaussian_core_they_drew():
    # s_max so large that nothing is cut; the chip then holds the drawn numbers themselves.
    layer = TTLayer((4,), (4,), (1, 1), "identity", Meshes(4, s_max=20.0))
    chip = fabricate(NetworkDesign("one", "", (layer,)), NoiseModel(), 0, dtype=np.float64)
    controls = chip.initial_controls(np.random.default_rng(11))
    drawn = layer.initial_std * np.random.default_rng(11).standard_normal((4, 4))
    controls[chip.control_groups["layer1/bias"].slice] = 0.0
    features = chip.measure_features(controls[None], np.eye(4))[0]
    # arccos near s / s_max = 0 loses a rounding of s_max, 4e-15, amplified by the sums of a block.
    np.testing.assert_allclose(features.T, drawn, atol=1e-13)


def test_digital_cores_replace_the_phases_and_nothing_else():
    optical, digital = (
        fabricate(get_design(name), preset("ideal"), 0) for name in ("tonn-hjb20", "tt-hjb20")
    )
    # Unfolded cores of [1,1,3,7] x [8,4,4,4] and [4,4,4,8] x [8,4,4,4], ranks [1,2,2,2,1], by hand.
    first = 8 * 2 + 8 * 2 + 8 * 6 + 8 * 7
    second = 8 * 8 + 8 * 8 + 8 * 8 + 8 * 8
    assert digital.n_controls == first + second + 1537
    assert optical.n_controls == 512 + 1537
    assert {group.kind for group in digital.control_groups.values()} == {"digital"}


def test_ideal_sigma_preset_still_disturbs_the_meshes():
    # Angles on no grid point, singular values that a quantizer would move.
    design = NetworkDesign("one", "", (TTLayer((4,), (4,), (1, 1), "identity", Meshes(4)),))
    chip, ideal = (
        fabricate(design, noise, 0, dtype=np.float64)
        for noise in (preset("published-ideal-sigma"), NoiseModel())
    )
    controls = ideal.initial_controls(np.random.default_rng(1))[None]
    disturbed, exact = (c.measure_features(controls, np.eye(4))[0] for c in (chip, ideal))
    bias = controls[0, chip.control_groups["layer1/bias"].slice]
    # Orthogonal meshes of any angles leave the singular values as they are.
    np.testing.assert_allclose(
        np.linalg.svd(disturbed - bias, compute_uv=False),
        np.linalg.svd(exact - bias, compute_uv=False),
        rtol=1e-12,
    )
    assert np.abs(disturbed - exact).max() > 0.01

"""One layer driven through its own modulators and read at its own detectors."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.converter import Adc, InputDac
from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.errors import DeviceError
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers, Rings
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError

NOISES = {
    "ideal": NoiseModel(),
    "published": preset("published"),
    "couplers": NoiseModel(coupler_imbalance=CouplerImbalance(angle_std_rad=0.2)),
}
MIXED = NetworkDesign(
    "mixed",
    "a layer of rings, one of meshes in three cores, one of butterflies, one of numbers",
    (
        dense_layer(8, 5, "tanh", Rings(), gain=2.0),
        TTLayer((2, 2, 3), (2, 2, 2), (1, 2, 2, 1), "sin", Meshes(4), trainable_gain=True, gain=1.5),
        TTLayer((4, 2), (4, 3), (1, 2, 1), "identity", Meshes(8, "butterfly")),
        dense_layer(3, 8, "relu", Numbers(bits=8), gain=0.5),
    ),
    n_inputs=3,
    n_out=2,
)


def chip_and_controls(noise, design=MIXED, **options):
    chip = fabricate(design, noise, 4, **{"dtype": np.float64, **options})
    controls = np.stack([chip.initial_controls(np.random.default_rng(k)) for k in range(3)])
    return chip, controls


def slow_twin(chip, controls, layer, vectors):
    """Readings from the chip's cores, through full tensors, for one setting."""
    design = chip.design.layers[layer]
    cores = chip.circuit.cores(controls[None], np.random.default_rng(0))[layer]
    full = np.ones((1, 1, 1))
    for k, core in enumerate(cores):
        ranks = design.ranks[k : k + 2]
        g = core[0].reshape(ranks[0], design.out_modes[k], design.in_modes[k], ranks[1])
        full = np.einsum("oia,amnb->ominb", full, g)
        full = full.reshape(full.shape[0] * full.shape[1], -1, full.shape[4])
    gain = design.gain
    if design.trainable_gain:
        gain = controls[chip.control_groups[f"layer{layer + 1}/gain"].slice][0]
    return gain * np.real(vectors @ full[:, :, 0].T)


@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("noise", NOISES)
def test_readings_are_those_of_the_cores(noise, layer):
    chip, controls = chip_and_controls(NOISES[noise])
    shape = chip.layers[layer]
    vectors = np.random.default_rng(1).normal(size=(20, shape.n_in))
    readings = chip.measure_layer(layer, controls, vectors)
    assert readings.shape == (3, 20, shape.n_out)
    for p in range(3):
        np.testing.assert_allclose(readings[p], slow_twin(chip, controls[p], layer, vectors), atol=1e-12)
    np.testing.assert_allclose(chip.measure_layer(layer, controls[0], vectors), readings[0], atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_one_after_the_other_are_the_whole_pass(dtype):
    chip, controls = chip_and_controls(preset("published"), dtype=dtype)
    x = np.random.default_rng(2).normal(size=(30, 3))
    inputs = np.concatenate([x, np.zeros((30, 2))], axis=1)
    activations = {"tanh": np.tanh, "sin": np.sin, "identity": np.positive, "relu": lambda z: z * (z > 0)}
    for layer, shape in enumerate(chip.layers):
        readings = chip.measure_layer(layer, controls[0], inputs)
        # Integer biases are realised as whole codes.
        bias = chip.circuit.program(controls[:1], 1, np.random.default_rng(0))[0, shape.bias]
        inputs = activations[shape.activation](readings + bias)
    tolerance = {np.float32: 2e-5, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(chip.measure_features(controls[0], x), inputs, atol=tolerance)


def test_many_settings_of_a_later_layer_share_work_and_keep_their_bits():
    chip, controls = chip_and_controls(NoiseModel(), MIXED, dtype=np.float32)
    settings = np.repeat(controls[:1], 40, axis=0)
    settings[np.arange(40), np.random.default_rng(3).permutation(chip.n_controls)[:40]] += 0.1
    vectors = np.random.default_rng(4).normal(size=(9, 8))
    together = chip.measure_layer(1, settings, vectors)
    alone = np.stack([chip.measure_layer(1, setting, vectors) for setting in settings])
    np.testing.assert_array_equal(together, alone)
    assert (together != together[:1]).any()


def linear(n_layers, **options):
    """Cores of zeros and ones, biases of zero: a layer passes on what its detectors read."""
    layer = TTLayer((4,), (4,), (1, 1), "identity", Numbers(), **options)
    return NetworkDesign("linear", "", (layer,) * n_layers)


def identity_controls(chip, scale=1.0):
    controls = np.zeros(chip.n_controls)
    for name, group in chip.control_groups.items():
        if "core" in name:
            controls[group.slice] = scale * np.eye(4).ravel()
    return controls


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", ["readout", "physical"])
def test_noise_is_that_of_the_layer_in_a_whole_pass(layer, name):
    readout = {"readout": NoiseModel(readout_noise=ReadoutNoise(0.01))}
    noise = readout.get(name) or NoiseModel(optical_readout=preset("physical").optical_readout)
    chip = fabricate(linear(2, full_scale=2.0), noise, 0, dtype=np.float64)
    controls, zeros = identity_controls(chip), np.zeros((5000, 4))
    readings = chip.measure_layer(layer, controls, zeros)
    whole = chip.measure_features(controls, zeros)
    n = readings.size
    # In a whole pass the equal noise of both layers adds up.
    assert readings.std() == pytest.approx(whole.std() / np.sqrt(2), rel=4 / np.sqrt(n))
    assert abs(readings.mean()) < 4 * readings.std() / np.sqrt(n)
    # Fresh at every measurement, and in every setting of one.
    again = chip.measure_layer(layer, np.stack([controls, controls]), zeros)
    for other in (*again, chip.measure_layer(1 - layer, controls, zeros)):
        assert abs(np.corrcoef(readings.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(n)


def test_converters_stand_on_both_sides_of_the_layer():
    noise = NoiseModel(input_dac=InputDac(bits=4, full_scale=2.0), adc=Adc(bits=5, full_scale=1.0))
    chip = fabricate(linear(2, full_scale=1.5), noise, 0, dtype=np.float64)
    assert chip.largest_input == 2.0
    assert chip.layers[1].full_scale == 1.5
    vectors = np.random.default_rng(5).uniform(-2, 2, (50, 4))
    step = 2 * 1.5 / 2**5
    codes = np.clip(np.rint(noise.input_dac.encode(vectors) / step), -16, 15)
    for layer in range(2):
        # No converter of the next layer rounds what is read.
        np.testing.assert_allclose(
            chip.measure_layer(layer, identity_controls(chip), vectors), codes * step, atol=1e-15
        )
        with pytest.raises(DeviceError, match=r"DAC input: 2\.1; allowed: magnitude <= .* = 2"):
            chip.measure_layer(layer, identity_controls(chip), np.full((1, 4), 2.1))


def test_jitter_and_drift_reach_a_layer():
    design = replace(get_design("tonn-tiny"), n_inputs=None)
    still, controls = chip_and_controls(NoiseModel(), design)
    vectors = np.ones((64, 16))
    exact = still.measure_layer(1, controls[0], vectors)
    assert np.unique(exact, axis=0).shape[0] == 1
    jitter = NoiseModel(phase_jitter=PhaseJitter(std_rad=0.01, hold_inferences=16))
    jittering = fabricate(design, jitter, 4, dtype=np.float64).measure_layer(1, controls[0], vectors)
    assert np.unique(jittering, axis=0).shape[0] == 4
    assert 0 < np.abs(jittering - exact).max() < 0.2
    drift = NoiseModel(phase_drift=PhaseDrift(std_rad=0.01, correlation_time_s=1.0))
    drifting = fabricate(design, drift, 4, dtype=np.float64)
    before = drifting.state()
    first = drifting.measure_layer(1, controls[0], vectors)
    assert drifting.state()["drift_rad"] != before["drift_rad"]
    drifting.restore(before)
    np.testing.assert_array_equal(drifting.measure_layer(1, controls[0], vectors), first)


def test_a_layer_says_its_shape_and_its_electronics():
    chip, _ = chip_and_controls(NOISES["couplers"])
    rings, meshes, butterflies, numbers = chip.layers
    assert [(layer.n_in, layer.n_out) for layer in chip.layers] == [(5, 8), (8, 12), (12, 8), (8, 3)]
    assert (rings.ranks, meshes.ranks, butterflies.ranks) == ((1, 1), (1, 4, 4, 1), (1, 4, 1))
    assert chip_and_controls(NoiseModel())[0].layers[1].ranks == (1, 2, 2, 1)
    assert [layer.cores[0].response for layer in chip.layers] == ["smooth", "sinusoid", "sinusoid", "smooth"]
    assert (meshes.cores[0].low, meshes.cores[0].high) == (0.0, 2 * np.pi)
    assert numbers.cores[0].high == 6.0 * chip.design.layers[3].initial_std
    assert (meshes.activation, meshes.full_scale) == ("sin", np.inf)
    groups = chip.control_groups
    assert meshes.bias == groups["layer2/bias"].slice
    starts, stops = groups["layer2/core1/U"].start, groups["layer2/core1/V"].stop
    assert meshes.cores[1].controls == slice(starts, stops)


def test_threads_change_no_bit_of_a_layer():
    noise = replace(preset("physical"), phase_jitter=PhaseJitter(std_rad=0.01, hold_inferences=50))
    vectors = np.random.default_rng(6).normal(size=(9000, 8))
    answers = []
    for threads in (1, 3):
        chip, controls = chip_and_controls(noise, threads=threads)
        answers.append(chip.measure_layer(1, controls, vectors))
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, x: c.measure_layer(4, x, np.ones((1, 5))), "layer: 4; allowed: 0 to 3"),
        (lambda c, x: c.measure_layer(-1, x, np.ones((1, 5))), "layer: -1; allowed: 0 to 3"),
        (lambda c, x: c.measure_layer(1, x, np.ones((2, 5))), r"inputs: shape \(2, 5\); allowed: .*, 8\)"),
        (lambda c, x: c.measure_layer(1, x, np.full((2, 8), np.nan)), "inputs: NaN"),
        (lambda c, x: c.measure_layer(1, x[:, 1:], np.ones((2, 8))), "controls: shape"),
    ],
)
def test_bad_layers_and_vectors_are_named(call, message):
    with pytest.raises(PhotonicsError, match=message):
        call(*chip_and_controls(NoiseModel()))

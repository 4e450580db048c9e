"""The model of a layer against the simulator and against plain loops: neither shares a line with it."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.noise_model import preset
from photonzero.photonics.calibration import LayerModel, PhaseErrors, wire_layer
from photonzero.photonics.calibration.model import core_tangents
from photonzero.photonics.calibration.surroundings import core_behind, readings_by, surroundings
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError


def true_model(chip, number):
    """The layer's model with the errors of a simulated chip of the preset "published"."""
    wiring = wire_layer(chip.design, number, chip.noise.quantizer.step_rad)
    bias_rad, gamma = (own[wiring.controls] for own in chip.circuit.phase_errors())
    return LayerModel(wiring, PhaseErrors(bias_rad, gamma, chip.noise.thermal_crosstalk.coupling))


def random_phases(model, n, seed=0):
    rng = np.random.default_rng(seed)
    return model.wiring.on_grid(rng.uniform(0.0, 2.0 * np.pi, (n, model.wiring.n_phases)))


@pytest.mark.parametrize(
    ("name", "number"), [("tonn-tiny", 0), ("tonn-tiny", 1), ("tonn-black-scholes", 0), ("tonn-mnist", 1)]
)
def test_it_reads_what_the_simulator_reads(name, number):
    chip = fabricate(get_design(name), preset("published"), 3, dtype=np.float64, threads=1)
    model = true_model(chip, number)
    phases = random_phases(model, 3)
    vectors = np.random.default_rng(1).standard_normal((4, model.wiring.layer.n_in))
    readings = chip.measure_layer(number, model.wiring.settings(phases), vectors)
    np.testing.assert_allclose(model.readings(phases, vectors), readings, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "number"), [("tonn-tiny", 0), ("tonn-tiny", 1)])
def test_it_reads_what_the_simulator_reads_through_couplers_that_err(name, number):
    noise = replace(preset("published"), coupler_imbalance=CouplerImbalance(angle_std_rad=0.1))
    chip = fabricate(get_design(name), noise, 3, dtype=np.float64, threads=1)
    model = true_model(chip, number)
    # Couplers are drawn for all phases of the chip at once, first and second ones.
    stream = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(2,)))
    drawn = noise.coupler_imbalance.draw_angle_error_rad((2, chip.circuit.layout.phase.size), stream)
    place = np.searchsorted(chip.circuit.layout.phase, model.wiring.controls)
    first, second = drawn[:, place]
    errors = replace(model.errors, couplers_rad=np.stack([first + second, first - second]))
    model = LayerModel(model.wiring, errors)
    phases = random_phases(model, 2)
    vectors = np.random.default_rng(1).standard_normal((4, model.wiring.layer.n_in))
    readings = chip.measure_layer(number, model.wiring.settings(phases), vectors)
    np.testing.assert_allclose(model.readings(phases, vectors), readings, rtol=1e-10, atol=1e-10)
    # All couplers the other way: the same readings.
    other = LayerModel(model.wiring, replace(errors, couplers_rad=-errors.couplers_rad))
    np.testing.assert_allclose(other.readings(phases, vectors), readings, rtol=1e-10, atol=1e-10)


def test_derivatives_by_couplers_and_losses_are_those_of_differences():
    design = NetworkDesign(
        "blocks", "", (dense_layer(4, 4, "identity", Meshes(size=4)),), n_out=4, readout=False
    )
    wiring = wire_layer(design, 0)
    n = wiring.n_phases
    rng = np.random.default_rng(0)
    couplers = rng.normal(0.0, 0.2, (2, n))
    x = rng.uniform(0, 6, (1, n))
    (core,) = wiring.cores
    zeros, ones = np.zeros(n), np.ones(n)
    errors = PhaseErrors(zeros, ones, 0.0, couplers, rng.normal(0.0, 0.1, n))
    _, (tangents,) = core_tangents(core, x, errors)
    assert tangents.shape == (1, 4, n, 4, 4)
    for kind in range(4):
        for column, place in enumerate(core.places.ravel()):
            step = 1e-6 * (np.arange(n) == place)
            ends = []
            for side in (1, -1):
                moved, lossy = couplers.copy(), errors.log_amplitude.copy()
                if kind == 3:
                    lossy += side * step
                elif kind:
                    moved[kind - 1] += side * step
                at = x + side * step if kind == 0 else x
                ends.append(core_tangents(core, at, PhaseErrors(zeros, ones, 0.0, moved, lossy))[0][0])
            np.testing.assert_allclose(tangents[0, kind, column], (ends[0] - ends[1]) / 2e-6, atol=1e-8)


def test_a_trainable_gain_stands_as_it_was_designed():
    layer = replace(get_design("tonn-tiny").layers[0], gain=2.5, trainable_gain=True)
    design = NetworkDesign("gained", "", (layer,), n_out=1)
    chip = fabricate(design, preset("published"), 0, dtype=np.float64, threads=1)
    model = true_model(chip, 0)
    phases, vectors = random_phases(model, 2), np.eye(3)
    readings = chip.measure_layer(0, model.wiring.settings(phases), vectors)
    np.testing.assert_allclose(model.readings(phases, vectors), readings, rtol=1e-10, atol=1e-10)


def plain_block(core, x, block):
    """One block by a loop over its cells."""
    k = core.size

    def mesh(angles):
        whole = np.eye(k)
        for a, b, angle in zip(core.mesh.row, core.mesh.partner, angles, strict=True):
            cell = np.eye(k)
            cell[a, a] = cell[b, b] = np.cos(angle)
            cell[b, a] = np.sin(angle)
            cell[a, b] = -np.sin(angle)
            whole = cell @ whole
        return whole

    s = core.s_max * np.cos(x[core.phases_s[block]])
    return mesh(x[core.angles_u[block]]) @ np.diag(s) @ mesh(x[core.angles_v[block]])


def test_blocks_and_their_derivatives_are_those_of_plain_loops():
    design = NetworkDesign(
        "blocks", "", (dense_layer(6, 7, "identity", Meshes(size=4)),), n_out=6, readout=False
    )
    wiring = wire_layer(design, 0)
    (core,) = wiring.cores
    n = wiring.n_phases
    rng = np.random.default_rng(0)
    errors = PhaseErrors(rng.uniform(-1, 1, n), rng.normal(1, 0.01, n), 0.0)
    model = LayerModel(wiring, errors)
    phases = rng.uniform(0, 6, n)

    def plain(x):
        rows = [np.hstack([plain_block(core, x, 2 * i + j) for j in (0, 1)]) for i in (0, 1)]
        return np.vstack(rows)[:6, :7]

    x = errors.gamma * phases + errors.bias_rad
    np.testing.assert_allclose(model.matrices(phases[None])[0], plain(x), atol=1e-12)
    for block, tangents in enumerate(model.cores_and_tangents(phases[None])[1][0]):
        rows, columns = core.visible(block)
        for own, place in zip(tangents[0, 0], core.places[block], strict=True):
            step = 1e-6 * (np.arange(n) == place)
            whole = np.zeros((6, 7))
            whole[rows, columns] = own
            np.testing.assert_allclose(whole, (plain(x + step) - plain(x - step)) / 2e-6, atol=1e-8)


def test_readings_follow_a_core_in_its_surroundings_and_tell_it():
    rng = np.random.default_rng(0)
    shapes = [(1, 3, 2, 2), (2, 2, 3, 3), (3, 2, 2, 1)]
    cores = [rng.standard_normal(shape) for shape in shapes]
    other = [rng.standard_normal((5, *shape)) for shape in shapes]
    vectors = rng.standard_normal((12, 12))
    for k, around in enumerate(surroundings(cores, vectors)):
        for own in other[k]:
            changed = [*cores[:k], own, *cores[k + 1 :]]
            whole = np.einsum("aiub,bjvc,ckwd->ijkuvw", *changed).reshape(12, 12)
            np.testing.assert_allclose(readings_by(around, own[None])[0], vectors @ whole.T, atol=1e-12)
        told = core_behind(around, readings_by(around, other[k]), shapes[k])
        np.testing.assert_allclose(told, other[k], atol=1e-9)


def test_what_it_cannot_model_is_refused_by_name():
    with pytest.raises(PhotonicsError, match="layer: 2; allowed: 0 to 1"):
        wire_layer(get_design("tonn-tiny"), 2)
    design = NetworkDesign("digital", "", (TTLayer((2,), (2,), (1, 1), core=Numbers()),))
    with pytest.raises(PhotonicsError, match="layer 1 of digital: cores of numbers; allowed: meshes"):
        wire_layer(design, 0)


def test_phases_have_names():
    wiring = wire_layer(get_design("tonn-tiny"), 1)
    assert wiring.name(0) == "core 0 block 0 U 0"
    core = wiring.cores[1]
    assert wiring.name(int(core.phases_s[1, 2])) == "core 1 block 1 s 2" if core.n_blocks > 1 else True

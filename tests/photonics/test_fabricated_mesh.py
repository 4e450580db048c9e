"""Meshes fabricated from a noise model: each part against its formula, on every topology."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.crosstalk import MeasuredCrosstalk, ThermalCrosstalk
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.errors import DeviceError
from photonzero.devices.jitter import PhaseJitter
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import PRESETS, NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.quantizer import PhaseQuantizer
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.devices.timing import Timing
from photonzero.devices.wavelength import WavelengthDrift
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import (
    TOPOLOGIES,
    MeshImperfections,
    MeshPhases,
    build,
    expected_fidelity,
    fabricate_mesh,
    fidelity,
    from_layers,
    haar_phases,
    mesh,
    propagate,
    rectangular,
)
from photonzero.photonics.mesh.cell import coupler_pair
from photonzero.photonics.mesh.reference import build_by_embedding

NAMES = list(TOPOLOGIES)


def setting(topology, seed=0):
    return MeshPhases.uniform(topology, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_an_ideal_mesh_has_the_bits_of_the_topology(name):
    topology = mesh(name, 8)
    phases = [part - 20.0 for part in setting(topology)]
    ideal = fabricate_mesh(topology, preset("ideal"))
    np.testing.assert_array_equal(ideal.matrix(phases), build(topology, *phases))
    light = np.random.default_rng(1).standard_normal((8, 3))
    np.testing.assert_array_equal(ideal.propagate(light, phases), propagate(topology, light, *phases))
    assert "no imperfection" in repr(ideal)


@pytest.mark.parametrize("name", NAMES)
def test_couplers_and_loss_are_those_of_the_noise_model(name):
    topology, rng = mesh(name, 8), np.random.default_rng(4)
    noise = NoiseModel(
        coupler_imbalance=CouplerImbalance(angle_mean_rad=0.01, angle_std_rad=0.05),
        insertion_loss=InsertionLoss(cell_db=0.2, phase_shifter_db=0.1),
    )
    first, second = 0.01 + 0.05 * np.random.default_rng(4).standard_normal((2, topology.n_mzi))
    by_hand = MeshImperfections(first, second, 0.2, 0.1, 0.1, 0.1, 0.1)
    expected = build_by_embedding(topology, *setting(topology), imperfections=by_hand)
    realised = fabricate_mesh(topology, noise, rng).matrix(setting(topology))
    np.testing.assert_allclose(realised, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_phases_meet_grid_stuck_shifters_gamma_heat_and_bias_in_this_order(name):
    topology = mesh(name, 8)
    noise = NoiseModel(
        phase_quantizer=PhaseQuantizer(bits=6),
        phase_shifter=PhaseShifter(gamma_std_rad_per_v2=0.004, bias_max_rad=0.5),
        stuck_shifters=StuckShifters(probability=0.2, value_rad=1.0, spread_rad=0.3),
        thermal_crosstalk=ThermalCrosstalk(coupling=0.02),
    )
    asked = setting(topology).joined()
    _, phases_rng = None, np.random.default_rng(9).spawn(2)[0]
    n = topology.n_shifters
    gamma = noise.phase_shifter.draw_gamma_ratio(n, phases_rng)
    bias = noise.phase_shifter.draw_bias_rad(n, phases_rng)
    stuck, held = noise.stuck_shifters.draw(n, phases_rng)
    assert 0 < stuck.sum() < n
    heat = np.where(stuck, held, noise.phase_quantizer.realise(asked)) * gamma
    column, mode = topology.shifter_places()
    apart = abs(column[:, None] - column), abs(mode[:, None] - mode)
    near = (apart[0] <= 1) & (apart[0] + apart[1] <= 2) & ~np.eye(n, dtype=bool)
    expected = heat + 0.02 * (near @ heat) + bias
    found = fabricate_mesh(topology, noise, np.random.default_rng(9)).realised(setting(topology))
    np.testing.assert_allclose(found.joined(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_known_errors_of_phases_are_compensated(name):
    topology = mesh(name, 8)
    noise = replace(preset("published"), phase_quantizer=None)
    phases, fabricated = setting(topology), fabricate_mesh(topology, noise, 3)
    wanted = build(topology, *phases)
    assert fidelity(wanted, fabricated.matrix(phases)) < 0.9
    found = fabricated.matrix(fabricated.compensated(phases))
    # What is left: phases that would need a little less than none or more than a turn.
    assert fidelity(wanted, found) > 0.99


def test_programming_errors_cost_what_the_closed_form_says():
    topology, std_rad = rectangular(8), 0.005
    phases = haar_phases(topology, np.random.default_rng(0))
    fabricated = fabricate_mesh(topology, NoiseModel(programming_std_rad=std_rad), 1)
    many = [np.broadcast_to(part, (2000, part.size)) for part in phases]
    lost = 1.0 - fidelity(build(topology, *phases), fabricated.matrix(many))
    expected = 1.0 - expected_fidelity(topology, std_rad)
    assert abs(lost.mean() - expected) < 4 * lost.std() / np.sqrt(2000) + expected**2


def test_jitter_is_fresh_and_drift_goes_on():
    topology = rectangular(4)
    phases = setting(topology)
    jittery = fabricate_mesh(topology, NoiseModel(phase_jitter=PhaseJitter(std_rad=0.1)), 2)
    first, second = (jittery.realised(phases).joined() for _ in range(2))
    assert abs(np.corrcoef(first - phases.joined(), second - phases.joined())[0, 1]) < 0.9
    drift = PhaseDrift(std_rad=0.1, correlation_time_s=1.0)
    noise = NoiseModel(phase_drift=drift, timing=Timing(programming_s=0.5, inference_s=0.0))
    many = [np.broadcast_to(part, (4000, part.size)) for part in phases]
    wandering = fabricate_mesh(topology, noise, 2).realised(many).joined() - phases.joined()
    covariance = (wandering[1:] * wandering[:-1]).mean()
    # Some 16 phases over 2,000 correlation times.
    assert covariance == pytest.approx(0.01 * np.exp(-0.5), rel=4 * np.sqrt(4 / (2000 * 16)))


@pytest.mark.parametrize("name", NAMES)
def test_a_measured_crosstalk_matrix_is_applied_in_the_order_of_the_phases(tmp_path, name):
    topology = mesh(name, 4)
    n = topology.n_shifters
    matrix = np.eye(n) + 0.02 * np.random.default_rng(3).random((n, n))
    np.savez(tmp_path / "foundry.npz", crosstalk=matrix)
    noise = NoiseModel(measured_crosstalk=MeasuredCrosstalk(str(tmp_path / "foundry.npz")))
    fabricated, phases = fabricate_mesh(topology, noise), setting(topology)
    found = fabricated.realised(phases).joined()
    np.testing.assert_allclose(found, matrix @ phases.joined(), rtol=0, atol=1e-12)
    # A shifter that its neighbours heat beyond its phase would need less than none: those are left out.
    low = [0.5 * part + 1.0 for part in phases]
    again = fabricated.realised(fabricated.compensated(low)).joined()
    np.testing.assert_allclose(again, MeshPhases(*low).joined(), rtol=0, atol=1e-9)
    with pytest.raises(DeviceError, match=rf"shape .*; allowed: \({mesh(name, 8).n_shifters}, "):
        fabricate_mesh(mesh(name, 8), noise)


@pytest.mark.parametrize("name", NAMES)
def test_couplers_and_phases_follow_the_wavelength(name):
    topology, phases = mesh(name, 8), setting(mesh(name, 8))
    laser = WavelengthDrift(offset_nm=2.0)
    couplers = CouplerImbalance(angle_std_rad=0.02)
    noise = NoiseModel(coupler_imbalance=couplers, wavelength_drift=laser)
    found = fabricate_mesh(topology, noise, 5).matrix(phases)
    first, second = 0.02 * np.random.default_rng(5).standard_normal((2, topology.n_mzi)) + 4.1e-3 * 2.0
    scaled = [(1 - 1.7 * 2.0 / 1550.0) * part for part in phases]
    expected = build_by_embedding(topology, *scaled, imperfections=MeshImperfections(first, second))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    light = np.eye(8)[:, :2]
    sent = fabricate_mesh(topology, noise, 5).propagate(light, phases)
    np.testing.assert_allclose(sent, expected @ light, rtol=0, atol=1e-12)


def test_a_wandering_wavelength_goes_on_from_setting_to_setting():
    topology = rectangular(4)
    laser = WavelengthDrift(std_nm=1.0, correlation_time_s=1.0)
    noise = NoiseModel(wavelength_drift=laser, timing=Timing(programming_s=0.1, inference_s=0.0))
    many = [np.broadcast_to(part, (5, part.size)) for part in setting(topology)]
    together = fabricate_mesh(topology, noise, 3).matrix(many)
    one = fabricate_mesh(topology, noise, 3)
    singly = np.stack([one.matrix(setting(topology)) for _ in range(5)])
    np.testing.assert_array_equal(together, singly)
    assert np.abs(np.diff(together, axis=0)).max() > 1e-4


def test_losses_differ_from_part_to_part():
    topology = mesh("symmetric", 5)
    loss = InsertionLoss(cell_db=0.3, cell_std_db=0.1, phase_shifter_db=0.2, phase_shifter_std_db=0.1)
    fabricated = fabricate_mesh(topology, NoiseModel(insertion_loss=loss), 1)
    parts = fabricated.imperfections
    shifters = [parts.theta_loss_db, parts.phi_loss_db, parts.out_loss_db, parts.edge_loss_db]
    for drawn in (parts.cell_loss_db, np.concatenate(shifters)):
        assert len(set(drawn)) == drawn.size
    expected = build_by_embedding(topology, *setting(topology), imperfections=parts)
    np.testing.assert_allclose(fabricated.matrix(setting(topology)), expected, rtol=0, atol=1e-13)


def test_equal_seeds_make_equal_dies_and_a_part_leaves_the_others_alone():
    topology, phases = rectangular(8), setting(rectangular(8))
    noise = preset("physical")
    one, same, other = (fabricate_mesh(topology, noise, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.matrix(phases), same.matrix(phases))
    assert np.abs(one.matrix(phases) - other.matrix(phases)).max() > 0.01
    alone = fabricate_mesh(topology, NoiseModel(coupler_imbalance=noise.coupler_imbalance), 5)
    np.testing.assert_array_equal(
        one.imperfections.coupler_in_error_rad, alone.imperfections.coupler_in_error_rad
    )


def test_settings_are_programmed_one_after_the_other_and_threads_change_no_bit():
    topology = mesh("symmetric", 6)
    rng = np.random.default_rng(7)
    phases = MeshPhases.from_joined(topology, rng.uniform(0, 6, (5, topology.n_shifters)))
    noise = preset("harsh")
    together = fabricate_mesh(topology, noise, 1).matrix(phases)
    np.testing.assert_array_equal(fabricate_mesh(topology, noise, 1).matrix(phases, threads=3), together)
    fabricated = fabricate_mesh(topology, noise, 1)
    for p in range(5):
        np.testing.assert_array_equal(fabricated.matrix([part[p] for part in phases]), together[p])


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_makes_a_mesh_that_creates_no_light(name):
    topology = mesh("butterfly", 8)
    realised = fabricate_mesh(topology, preset(name), 0).matrix(setting(topology))
    assert np.linalg.norm(realised, 2) <= 1.0 + 1e-13


def test_two_couplers_are_their_products():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-0.7, 0.7, (2, 50))
    cos_minus, sin_plus, cos_plus, sin_minus = coupler_pair(first, second)
    a, b = np.pi / 4 + first, np.pi / 4 + second
    np.testing.assert_allclose((cos_minus - sin_plus) / 2, np.cos(a) * np.cos(b), atol=1e-15)
    np.testing.assert_allclose((cos_minus + sin_plus) / 2, np.sin(a) * np.sin(b), atol=1e-15)
    np.testing.assert_allclose((cos_plus + sin_minus) / 2, np.cos(b) * np.sin(a), atol=1e-15)
    np.testing.assert_allclose((cos_plus - sin_minus) / 2, np.sin(b) * np.cos(a), atol=1e-15)


def test_heaters_stand_where_light_meets_them():
    topology = from_layers("own", 4, [[(0, 1), (2, 3)], [(1, 2)]], edges=[(1, 3)])
    columns, modes = topology.shifter_places()
    assert columns.tolist() == [1, 1, 3, 0, 0, 2, 4, 4, 4, 4, 1]
    assert modes.tolist() == [0, 2, 1, 0, 2, 1, 0, 1, 2, 3, 3]
    arms, rows = mesh("symmetric", 3).shifter_places()
    assert arms[:6].tolist() == [0, 1, 2, 0, 1, 2]
    assert rows[:6].tolist() == [0, 1, 0, 1, 2, 1]


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([np.zeros(6)], "phases: 1 arrays; allowed: theta_rad, phi_rad, out_phase_rad, edge_phase_rad"),
        ([np.zeros(5), np.zeros(6), np.zeros(4)], r"theta_rad: shape \(5,\); allowed: \(6,\) or \(P, 6\)"),
        ([np.zeros((2, 6)), np.zeros((3, 6)), np.zeros(4)], "phases: shapes .* one number of settings"),
    ],
)
def test_wrong_phases_are_named(phases, message):
    with pytest.raises(PhotonicsError, match=message):
        fabricate_mesh(rectangular(4), preset("published")).matrix(phases)


def test_a_repr_tells_the_shapes():
    assert repr(setting(rectangular(4))) == (
        "MeshPhases(theta_rad (6,), phi_rad (6,), out_phase_rad (4,), edge_phase_rad (0,))"
    )

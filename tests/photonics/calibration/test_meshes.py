"""One mesh that identifies itself: peeling is exact, fits are right, chi^2 tells what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.calibration.meshes import (
    MeshBudget,
    MeshErrors,
    MeshInstrument,
    MeshModel,
    MeshReader,
    MeshReadings,
    Normal,
    identify_mesh,
)
from photonzero.photonics.calibration.meshes.coordinates import phases_of, slopes_of
from photonzero.photonics.calibration.meshes.peeling import peel
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import MeshPhases, MeshTopology, fabricate_mesh, mesh

MESHES = [("rectangular", 4), ("rectangular", 8), ("triangular", 4), ("triangular", 8), ("butterfly", 8)]

CIRCLE = NoiseModel(
    phase_shifter=PhaseShifter(bias_max_rad=float(np.pi)),
    coupler_imbalance=CouplerImbalance(angle_std_rad=0.01),
    readout_noise=ReadoutNoise(std_of_full_scale=1e-3),
)


def errors_of(topology: MeshTopology, rng: np.random.Generator, coupler_rad: float = 0.01) -> MeshErrors:
    bias = rng.uniform(-np.pi, np.pi, topology.n_shifters)
    couplers = coupler_rad * rng.standard_normal((2, topology.n_mzi))
    return MeshErrors(bias, couplers, np.ones(topology.n_shifters))


def turned(difference: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * difference))


def random_readings(model: MeshModel, rays: int, rng: np.random.Generator) -> MeshReadings:
    topology = model.topology
    phases = rng.uniform(0.0, 2.0 * np.pi, (rays, topology.n_shifters))
    fields = np.exp(2j * np.pi * rng.random((topology.n_modes, rays)))
    answers = np.einsum("rij,jr->ir", model.matrices(phases), fields)
    return MeshReadings(phases, np.arange(rays), fields, answers)


@pytest.mark.parametrize(("name", "n_modes"), MESHES)
def test_silent_readings_of_one_vector_tell_every_phase_on_the_circle_and_every_coupler(
    name, n_modes
) -> None:
    topology, rng = mesh(name, n_modes), np.random.default_rng(1)
    true = errors_of(topology, rng)
    model, k, n_layers = MeshModel(topology, true), topology.n_mzi, topology.n_layers
    settings = np.zeros((1 + 2 * n_layers, topology.n_shifters))
    settings[1 + topology.layer, np.arange(k)] = np.pi
    settings[1 + n_layers + topology.layer, k + np.arange(k)] = np.pi
    vector = np.exp(2j * np.pi * rng.random((n_modes, 1)))
    fields = model.matrices(settings) @ vector
    changes = fields[1:] - fields[0]
    found = peel(topology, vector, fields[0], changes[:n_layers], changes[n_layers:], 0.2)
    # Light of a cell may be a hundredth of the brightest: rounding grows by as much, in every layer.
    np.testing.assert_allclose(turned(found.phases_rad - true.bias_rad), 0.0, atol=1e-8)
    np.testing.assert_allclose(found.couplers_rad, true.couplers_rad, atol=1e-8)


@pytest.mark.parametrize("powers", [False, True])
@pytest.mark.parametrize(("name", "n_modes"), MESHES)
def test_products_are_those_of_the_jacobian(name, n_modes, powers) -> None:
    topology, rng = mesh(name, n_modes), np.random.default_rng(2)
    model = MeshModel(topology, replace(errors_of(topology, rng, 0.05), coupling=0.01))
    data = random_readings(model, 3, rng)
    if powers:
        data = replace(data, readings=np.abs(data.readings) ** 2)
    normal = Normal(model, data, gains=True)
    np.testing.assert_allclose(normal.left, 0.0, atol=1e-12)
    move = rng.standard_normal(normal.n_parameters)
    step = 1e-6
    ends = [
        Normal(MeshModel(topology, model.errors.moved(normal.step(side * step * move))), data, True).left
        for side in (1.0, -1.0)
    ]
    slope = normal.tangent(move)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2.0 * step), atol=1e-6 * np.abs(slope).max())
    weights = rng.standard_normal((n_modes, 3)) + (0.0 if powers else 1j * rng.standard_normal((n_modes, 3)))
    forward = float(np.real(np.vdot(weights, slope)))
    assert forward == pytest.approx(float(normal.pulled_back(weights) @ move), rel=1e-10)


@pytest.mark.parametrize(("name", "n_modes"), MESHES)
def test_sums_and_differences_stand_for_as_many_phases_and_slopes_are_their_transposed(name, n_modes) -> None:
    topology = mesh(name, n_modes)
    to_phases = phases_of(topology, np.eye(topology.n_shifters))
    assert np.linalg.matrix_rank(to_phases) == topology.n_shifters
    np.testing.assert_allclose(slopes_of(topology, np.eye(topology.n_shifters)), to_phases.T, atol=1e-12)


def eigenvalues(topology: MeshTopology, powers: bool) -> np.ndarray:
    rng = np.random.default_rng(3)
    model = MeshModel(topology, errors_of(topology, rng))
    data = random_readings(model, 16 * topology.n_modes, rng)
    if powers:
        data = replace(data, readings=np.abs(data.readings) ** 2)
    normal = Normal(model, data, gains=False)
    rows = np.stack([normal.tangent(move).ravel() for move in np.eye(normal.n_parameters)])
    return np.linalg.eigvalsh(np.real(rows.conj() @ rows.T)) / data.setting.size


@pytest.mark.parametrize(("name", "n_modes"), [("rectangular", 4), ("triangular", 6), ("butterfly", 4)])
def test_homodyne_tells_all_phases_and_couplers_and_powers_all_but_the_output_phases(name, n_modes) -> None:
    topology = mesh(name, n_modes)
    fields, powers = eigenvalues(topology, False), eigenvalues(topology, True)
    # A random matrix of 16 N vectors: all parts of a move do about as much, as the coordinates promise.
    assert fields[0] > 0.2
    assert fields[-1] < 4.0
    assert (powers < 1e-9).sum() == n_modes
    assert powers[n_modes] > 0.05


@pytest.mark.parametrize(("name", "n_modes"), MESHES)
def test_a_mesh_identifies_itself_from_nothing(name, n_modes) -> None:
    topology = mesh(name, n_modes)
    fabricated = fabricate_mesh(topology, CIRCLE, 100)
    budget = MeshBudget()
    found = identify_mesh(MeshInstrument(fabricated, 1), np.random.default_rng(100), budget)
    assert found.fits
    assert found.starts == 1
    rng = np.random.default_rng(4)
    settings = rng.uniform(0.0, 2.0 * np.pi, (20, topology.n_shifters))
    true = fabricated.matrix(MeshPhases.from_joined(topology, settings))
    # sigma sqrt(parameters / readings), with room for few readings.
    assert np.linalg.norm(found.model.matrices(settings) - true) / np.linalg.norm(true) < 1e-3
    start = (budget.base_repeats + 2 * topology.n_layers) * budget.vectors
    fit = budget.settings_per_mode * budget.vectors_per_setting * n_modes
    assert found.inferences == start + fit + budget.n_unseen


def test_standard_errors_are_as_large_as_the_errors() -> None:
    topology = mesh("triangular", 8)
    biases, couplers = [], []
    for seed in range(100, 104):
        fabricated = fabricate_mesh(topology, CIRCLE, seed)
        found = identify_mesh(MeshInstrument(fabricated, 1), np.random.default_rng(seed))
        stated = found.standard_errors
        part = fabricated.imperfections
        true = np.stack([part.coupler_in_error_rad, part.coupler_out_error_rad])
        at_nothing = fabricated.realised(
            MeshPhases.from_joined(topology, np.zeros(topology.n_shifters))
        ).joined()
        biases.append(turned(found.fit.errors.bias_rad - at_nothing) / stated[0])
        couplers.append((found.fit.errors.couplers_rad - true) / stated[1])
    # 256 biases, of which neighbours go together, and 448 couplers: a fifth is three standard deviations and
    # more.
    assert float(np.std(biases)) == pytest.approx(1.0, abs=0.2)
    assert float(np.std(couplers)) == pytest.approx(1.0, abs=0.2)


def test_gammas_and_crosstalk_are_found_where_biases_do_not_explain_readings() -> None:
    topology = mesh("rectangular", 8)
    noise = replace(
        preset("published"), coupler_imbalance=CIRCLE.coupler_imbalance, readout_noise=CIRCLE.readout_noise
    )
    found = identify_mesh(MeshInstrument(fabricate_mesh(topology, noise, 101), 1), np.random.default_rng(101))
    assert found.fits
    assert found.fit.gains
    assert found.fit.errors.coupling == pytest.approx(0.005, abs=1e-4)


def test_a_mesh_with_loss_is_not_explained_and_says_so() -> None:
    noise = replace(CIRCLE, insertion_loss=InsertionLoss(cell_db=0.1, cell_std_db=0.1))
    instrument = MeshInstrument(fabricate_mesh(mesh("rectangular", 4), noise, 100), 1)
    found = identify_mesh(instrument, np.random.default_rng(100), MeshBudget(attempts=1))
    assert not found.fits
    assert found.fit.chi2_per_dof > 10.0


def test_what_cannot_be_peeled_or_read_is_refused_in_one_line() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(PhotonicsError, match="'symmetric' has symmetric cells"):
        identify_mesh(MeshInstrument(fabricate_mesh(mesh("symmetric", 4), CIRCLE, 0)), rng)
    fabricated = fabricate_mesh(mesh("rectangular", 4), CIRCLE, 0)
    with pytest.raises(PhotonicsError, match="readings: real numbers; allowed: complex fields"):
        identify_mesh(MeshInstrument(fabricated, 0, "power"), rng)
    with pytest.raises(PhotonicsError, match="base_repeats: 1; allowed: at least 2"):
        identify_mesh(MeshInstrument(fabricated), rng, MeshBudget(base_repeats=1))
    with pytest.raises(PhotonicsError, match="detection: 'heterodyne'; allowed"):
        MeshInstrument(fabricated, 0, "heterodyne")  # pyright: ignore[reportArgumentType]

    class Broken(MeshInstrument):
        def measure_mesh(self, phases_rad, fields):
            return super().measure_mesh(phases_rad, fields)[:, :, :3]

    with pytest.raises(PhotonicsError, match=r"readings: shape .*; allowed: \(1, 1, 4\), finite"):
        MeshReader(Broken(fabricated)).read(np.zeros((1, 16)), np.ones((1, 4), complex))

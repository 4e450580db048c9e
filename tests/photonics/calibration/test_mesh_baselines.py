"""Two published ways to meshes that work, each exact on its ideal case, and loading onto what was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.calibration.meshes import (
    MeshErrors,
    MeshInstrument,
    MeshModel,
    MeshReader,
    identify_mesh,
)
from photonzero.photonics.calibration.meshes.external_detectors import externally_calibrated
from photonzero.photonics.calibration.meshes.loading import loaded
from photonzero.photonics.calibration.meshes.self_configuration import self_configured
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import (
    FabricatedMesh,
    MeshPhases,
    build,
    fabricate_mesh,
    haar_phases,
    matrix_error,
    mesh,
)

SILENT = NoiseModel(phase_shifter=PhaseShifter(bias_max_rad=1.0))
COUPLERS = replace(
    SILENT,
    phase_shifter=PhaseShifter(bias_max_rad=float(np.pi)),
    coupler_imbalance=CouplerImbalance(angle_std_rad=0.01),
)


def biases(fabricated: FabricatedMesh) -> np.ndarray:
    nothing = np.zeros(fabricated.topology.n_shifters)
    return fabricated.realised(MeshPhases.from_joined(fabricated.topology, nothing)).joined()


def realised(fabricated: FabricatedMesh, phases: np.ndarray) -> np.ndarray:
    return fabricated.matrix(MeshPhases.from_joined(fabricated.topology, phases))


@pytest.mark.parametrize("n_modes", [2, 4, 6])
def test_external_detectors_find_every_theta_and_phi_of_ideal_couplers(n_modes) -> None:
    topology = mesh("rectangular", n_modes)
    fabricated = fabricate_mesh(topology, SILENT, 100)
    reader = MeshReader(MeshInstrument(fabricated, 0, "power"))
    found = externally_calibrated(reader, n_points=4)
    difference = found.bias_rad - biases(fabricated)
    seen = np.angle(np.exp(1j * difference[: 2 * topology.n_mzi]))
    np.testing.assert_allclose(seen, 0.0, atol=1e-9)
    # One vector at one setting a point; the first path twice.
    assert reader.inferences == reader.settings == 4 * (2 * topology.n_mzi + n_modes - 1)


def test_couplers_of_a_percent_leave_external_detectors_with_phases_of_some_percent() -> None:
    topology = mesh("rectangular", 8)
    noise = replace(SILENT, coupler_imbalance=COUPLERS.coupler_imbalance)
    fabricated = fabricate_mesh(topology, noise, 101)
    found = externally_calibrated(MeshReader(MeshInstrument(fabricated, 0, "power")))
    difference = np.angle(np.exp(1j * (found.bias_rad - biases(fabricated))))[: 2 * topology.n_mzi]
    assert 0.005 < float(np.sqrt((difference**2).mean())) < 0.2


@pytest.mark.parametrize(("name", "n_modes"), [("rectangular", 4), ("rectangular", 8), ("triangular", 5)])
def test_nulling_sets_a_mesh_to_a_matrix_whatever_its_couplers_and_other_phases_are(name, n_modes) -> None:
    topology = mesh(name, n_modes)
    fabricated = fabricate_mesh(topology, COUPLERS, 100)
    target = build(topology, *haar_phases(topology, np.random.default_rng(7)))
    reader = MeshReader(MeshInstrument(fabricated))
    phases = self_configured(reader, target, -biases(fabricated)[: topology.n_mzi])
    # Every cell can do what this matrix asks for, so that nothing but rounding is left.
    assert float(matrix_error(target, realised(fabricated, phases))) < 1e-10
    assert reader.inferences == 4 * topology.n_mzi + n_modes


@pytest.mark.parametrize(("name", "n_modes"), [("rectangular", 6), ("triangular", 6)])
def test_a_matrix_is_loaded_onto_a_mesh_that_identified_itself_and_comes_out_right(name, n_modes) -> None:
    topology = mesh(name, n_modes)
    noise = replace(COUPLERS, readout_noise=ReadoutNoise(std_of_full_scale=1e-3))
    fabricated = fabricate_mesh(topology, noise, 102)
    found = identify_mesh(MeshInstrument(fabricated, 1), np.random.default_rng(102))
    target = build(topology, *haar_phases(topology, np.random.default_rng(8)))
    error = float(matrix_error(target, realised(fabricated, loaded(found.model, target))))
    ideal_couplers = replace(found.fit.errors, couplers_rad=np.zeros((2, topology.n_mzi)))
    uncorrected = loaded(MeshModel(topology, ideal_couplers), target)
    # The readings' noise is left, and not the couplers, of a percent in each of some ten layers.
    assert error < 2e-3
    assert float(matrix_error(target, realised(fabricated, uncorrected))) > 5.0 * error


def test_couplers_that_keep_cells_from_a_matrix_are_made_up_for_by_the_others() -> None:
    topology = mesh("rectangular", 4)
    rng = np.random.default_rng(3)
    couplers = 0.1 + 0.05 * rng.standard_normal((2, topology.n_mzi))
    model = MeshModel(topology, MeshErrors(np.zeros(16), couplers, np.ones(16)))
    # The identity wants every cell in its bar state, which no cell has with couplers that err alike.
    target = np.eye(4)[::-1]
    alone = self_configured(MeshReader(_Exactly(model)), target, np.zeros(topology.n_mzi))
    together = loaded(model, target)
    errors = [float(matrix_error(target, model.matrices(phases[None])[0])) for phases in (alone, together)]
    assert errors[1] < errors[0]


class _Exactly:
    def __init__(self, model: MeshModel) -> None:
        self.model, self.topology, self.step_rad = model, model.topology, 0.0

    def measure_mesh(self, phases_rad, fields):
        return self.model.propagated(phases_rad, fields)


def test_programmed_phases_make_up_for_gammas_and_the_heat_of_neighbours() -> None:
    topology, rng = mesh("triangular", 5), np.random.default_rng(9)
    n = topology.n_shifters
    errors = MeshErrors(
        rng.uniform(-3.0, 3.0, n), np.zeros((2, topology.n_mzi)), 1.0 + 0.02 * rng.standard_normal(n), 0.005
    )
    model = MeshModel(topology, errors)
    wanted = rng.uniform(0.0, 2.0 * np.pi, n)
    met = model.realised(model.programmed(wanted)[None])[0]
    off = np.abs(np.angle(np.exp(1j * (met - wanted))))
    # A phase just beyond the reach of its shifter gets the end of that reach.
    assert np.median(off) < 1e-9
    assert off.max() < 0.2


def test_meshes_that_a_way_cannot_do_are_refused_in_one_line() -> None:
    reader = MeshReader(MeshInstrument(fabricate_mesh(mesh("rectangular", 5), SILENT, 0), 0, "power"))
    with pytest.raises(PhotonicsError, match="allowed: rectangular, with an even number of modes"):
        externally_calibrated(reader)
    with pytest.raises(PhotonicsError, match="n_points: 2; allowed: at least 3"):
        externally_calibrated(MeshReader(MeshInstrument(fabricate_mesh(mesh("rectangular", 4), SILENT))), 2)
    with pytest.raises(PhotonicsError, match="'rectangular' of 5 modes; allowed: triangular, or rectangular"):
        self_configured(reader, np.eye(5), np.zeros(10))

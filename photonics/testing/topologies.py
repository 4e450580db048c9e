"""What holds for every topology: the project's tests inherit this, and so can those of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from photonzero.photonics.cost import mesh_mzis, mesh_stages
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import (
    MeshImperfections,
    MeshPhases,
    MeshTopology,
    build,
    decompose,
    haar_phases,
    mesh,
    propagate,
)
from photonzero.photonics.mesh.phase_file import MeshNetwork, load_phases, save_phases
from photonzero.photonics.mesh.reference import build_by_embedding

_LARGEST = 16
_ROUNDING = 1e-13


class TopologyContract:
    """A test class inherits it, and says in a fixture which topologies it is run for.

    Such as::

        class TestStar(TopologyContract):
            @pytest.fixture
            def topology_name(self):
                return "my.py:star"
    """

    def meshes(self, name: str) -> list[MeshTopology]:
        """The topology with all numbers of modes up to 16 that it has."""
        found = []
        for n_modes in range(2, _LARGEST + 1):
            try:
                found.append(mesh(name, n_modes))
            except PhotonicsError:
                continue
        assert found, f"{name} has none of 2 to {_LARGEST} modes"
        return found

    def errors(self, topology: MeshTopology, rng: np.random.Generator) -> MeshImperfections:
        """Every error that a cell may have."""
        n = topology.n_mzi
        return MeshImperfections(
            coupler_in_error_rad=0.1 * rng.standard_normal(n),
            coupler_out_error_rad=0.1 * rng.standard_normal(n),
            cell_loss_db=rng.uniform(0, 0.5, n),
            theta_loss_db=rng.uniform(0, 0.2, n),
            phi_loss_db=rng.uniform(0, 0.2, n),
            out_loss_db=rng.uniform(0, 0.2, topology.n_modes),
            edge_loss_db=rng.uniform(0, 0.2, topology.n_edge),
        )

    def test_one_size_is_one_object_and_bad_sizes_are_refused(self, topology_name: str) -> None:
        """What is derived from a mesh is derived once."""
        for topology in self.meshes(topology_name):
            assert mesh(topology_name, topology.n_modes) is topology
        for bad in (1, 0, -4, 2.5):
            message = _refusal(lambda n=bad: mesh(topology_name, n))  # pyright: ignore[reportArgumentType]
            assert str(bad) in message

    def test_it_counts_its_own_parts(self, topology_name: str) -> None:
        """Cost and heaters are those of the mesh itself."""
        for topology in self.meshes(topology_name):
            n_modes = topology.n_modes
            assert mesh_mzis(n_modes, topology_name) == topology.n_mzi
            assert mesh_stages(n_modes, topology_name) == topology.n_layers
            columns, modes = topology.shifter_places()
            assert columns.shape == modes.shape == (topology.n_shifters,)
            assert str(topology.n_mzi) in repr(topology)

    def test_its_matrix_is_the_product_of_its_parts(self, topology_name: str) -> None:
        """Kernels against embedded 2 x 2 matrices; light is kept, and never created."""
        rng = np.random.default_rng(0)
        for topology in self.meshes(topology_name):
            phases = MeshPhases.uniform(topology, rng)
            identity = np.eye(topology.n_modes)
            for errors in (None, self.errors(topology, rng)):
                u = build(topology, *phases, imperfections=errors)
                expected = build_by_embedding(topology, *phases, imperfections=errors)
                np.testing.assert_allclose(u, expected, rtol=0, atol=_ROUNDING)
                light = rng.standard_normal((topology.n_modes, 3))
                sent = propagate(topology, light, *phases, imperfections=errors)
                np.testing.assert_allclose(sent, u @ light, rtol=0, atol=10 * _ROUNDING)
                if errors is None:
                    np.testing.assert_allclose(u @ u.conj().T, identity, rtol=0, atol=_ROUNDING)
                else:
                    assert np.linalg.norm(u, 2) <= 1.0 + _ROUNDING, "light is created"

    def test_a_universal_one_makes_every_unitary(self, topology_name: str) -> None:
        """Whatever the matrix, to rounding; any other topology says that it cannot."""
        rng = np.random.default_rng(0)
        for topology in self.meshes(topology_name):
            if not topology.is_universal:
                assert topology.name in _refusal(lambda t=topology: decompose(t, np.eye(t.n_modes)))
                assert topology.name in _refusal(lambda t=topology: haar_phases(t, rng))
                continue
            for unitary in _hard_unitaries(topology.n_modes):
                phases = decompose(topology, unitary)
                assert all(np.abs(part).max(initial=0.0) <= np.pi + 1e-12 for part in phases)
                rebuilt = build(topology, *phases)
                np.testing.assert_allclose(rebuilt, unitary, rtol=0, atol=_ROUNDING)

    def test_haar_phases_have_the_moments_of_random_matrices(self, topology_name: str) -> None:
        """Elements and traces, within five standard errors."""
        n_trials, rng = 2000, np.random.default_rng(1)
        for topology in self.meshes(topology_name):
            n = topology.n_modes
            if not topology.is_universal or n > 5:
                continue
            drawn = np.array([haar_phases(topology, rng).joined() for _ in range(n_trials)])
            u = build(topology, *MeshPhases.from_joined(topology, drawn))
            # |u|^2 has the distribution Beta(1, N - 1): mean 1 / N, mean square 2 / (N (N + 1)).
            power = np.abs(u) ** 2
            bound = 5.0 / np.sqrt(n_trials)
            assert np.all(np.abs(power.mean(axis=0) - 1 / n) <= bound * power.std(axis=0) + 1e-12)
            squared = power**2
            expected = 2 / (n * (n + 1))
            assert np.all(np.abs(squared.mean(axis=0) - expected) <= bound * squared.std(axis=0) + 1e-12)
            for k in (1, 2):
                moment = np.abs(np.trace(np.linalg.matrix_power(u, k), axis1=1, axis2=2)) ** 2
                assert abs(moment.mean() - k) <= bound * moment.std()

    def test_a_file_gives_back_the_mesh(self, topology_name: str, tmp_path: Path) -> None:
        """Also where its name is nothing to the reader."""
        rng = np.random.default_rng(2)
        for topology in self.meshes(topology_name):
            written = MeshNetwork(topology, MeshPhases.uniform(topology, rng))
            save_phases(tmp_path / "phases.npz", written)
            read = load_phases(tmp_path / "phases.npz")
            np.testing.assert_array_equal(read.matrix(), written.matrix())
            assert (read.mesh.name, read.mesh.cell) == (topology.name, topology.cell)


def _refusal(call: Callable[[], object]) -> str:
    """Text of the error that a call must raise."""
    try:
        call()
    except PhotonicsError as error:
        return str(error)
    raise AssertionError("not refused")


def _hard_unitaries(n: int) -> list[np.ndarray]:
    """Matrices that decompositions find hard: zeros everywhere, equal moduli, tiny angles."""
    rng = np.random.default_rng(n)
    haar = np.linalg.qr(rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))[0]
    near = np.eye(n, dtype=complex)
    near[:2, :2] = [[np.cos(1e-9), -np.sin(1e-9)], [np.sin(1e-9), np.cos(1e-9)]]
    block = np.eye(n, dtype=complex)
    inner = max(n - 2, 2)
    block[n - inner :, n - inner :] = np.fft.fft(np.eye(inner), norm="ortho")
    return [
        haar,
        np.eye(n),
        np.eye(n)[rng.permutation(n)],
        np.diag(np.exp(1j * rng.uniform(0, 7, n))),
        np.fft.fft(np.eye(n), norm="ortho"),
        block,
        near,
    ]

"""Every registered topology keeps the contract that is shipped, and so does one in a user's file."""

import numpy as np
import pytest

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import TOPOLOGIES, MeshTopology, from_layers, mesh, rectangular
from photonzero.photonics.mesh.nulling import FROM_BOTH_SIDES
from photonzero.photonics.testing import TopologyContract

STAR = '''
from photonzero.photonics.mesh import MeshPhases, from_layers
from photonzero.photonics.mesh.nulling import FROM_BOTH_SIDES
from photonzero.photonics.mesh.topology import require_modes


def star(n_modes):
    """Every mode meets the first one."""
    require_modes(n_modes)
    return from_layers("star", n_modes, [[(0, k)] for k in range(1, n_modes)], edges=[(0, 0)])


def wall(n_modes):
    """The rectangle, written out as a user would."""
    require_modes(n_modes)
    layers = [[(i, i + 1) for i in range(k % 2, n_modes - 1, 2)] for k in range(n_modes)]
    return from_layers("wall", n_modes, layers, nulling=FROM_BOTH_SIDES)


def wrong(n_modes):
    return [(0, 1)]


def small(n_modes):
    return star(3)


number = 3
'''


class TestRegistered(TopologyContract):
    @pytest.fixture(params=list(TOPOLOGIES))
    def topology_name(self, request):
        return request.param


class TestOfAFile(TopologyContract):
    @pytest.fixture(params=["star", "wall"])
    def topology_name(self, request, tmp_path):
        (tmp_path / "own.py").write_text(STAR)
        return f"{tmp_path}/own.py:{request.param}"


class Broken(TopologyContract):
    def meshes(self, name):
        good = rectangular(4)
        wrong = MeshTopology(
            "broken", 4, good.layer, good.row, good.partner, "symmetric", nulling=FROM_BOTH_SIDES
        )
        return [wrong]


def test_the_contract_finds_a_nulling_that_does_not_fit_the_cells():
    with pytest.raises(AssertionError):
        Broken().test_a_universal_one_makes_every_unitary("broken")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ring", r"topology: 'ring'; allowed: butterfly, rectangular, symmetric, triangular, file.py:Name"),
        ("rectangulr", "did you mean 'rectangular'"),
        ("own.py:number", "topology 'own.py:number': a int; allowed: a function of the number of modes"),
        ("own.py:wrong", r"topology 'own.py:wrong': a list; allowed: a MeshTopology of 8 modes"),
        ("own.py:small", r"topology 'own.py:small': 3 modes; allowed: a MeshTopology of 8 modes"),
        ("own.py:none", "own.py: no topology 'none'; allowed: "),
        ("missing.py:star", "missing.py: No such file"),
    ],
)
def test_what_is_no_topology_is_named(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(STAR)
    with pytest.raises(PhotonicsError, match=message):
        mesh(name, 8)


@pytest.mark.parametrize(
    ("layers", "edges", "message"),
    [
        ([[]], [], "layer: no MZI; allowed: at least one"),
        ([[(0, 1), (1, 2)]], [], "layers: mode 1 twice in layer 0; allowed: once in a layer"),
        ([[(0, 4)]], [], "partner: 4; allowed: modes from 0 to 3"),
        ([[(0, 1)]], [(2, 0)], "edge_layer: 2; allowed: 0 to 1"),
    ],
)
def test_a_mesh_that_cannot_be_is_named(layers, edges, message):
    with pytest.raises(PhotonicsError, match=message):
        from_layers("own", 4, layers, edges=edges)


def test_small_whole_numbers_make_a_mesh_too():
    columns = (np.array(part, dtype=np.int8) for part in ([0, 0], [0, 2], [1, 3]))
    mesh = MeshTopology("small", 4, *columns)
    assert mesh.layer.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        mesh.layer[0] = 1


def test_a_repr_tells_what_a_mesh_is():
    assert repr(rectangular(8)) == (
        "MeshTopology('rectangular', 8 modes, 28 asymmetric MZIs in 8 layers, universal)"
    )
    assert "4 shifters outside them" in repr(mesh("symmetric", 5))

"""Every registered kind of core keeps the contract, meshes of every topology do, and so does a user's."""

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.config.run_config import read_design
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Core, Meshes, Numbers, Rings
from photonzero.photonics.design import NetworkDesign, dense_layer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import TOPOLOGIES
from photonzero.photonics.testing import CoreContract

OWN = '''
from dataclasses import dataclass

import numpy as np

from photonzero.photonics.cores import Core, Part
from photonzero.photonics.errors import PhotonicsError


@dataclass(frozen=True)
class Ones(Core):
    """One number times a matrix of ones."""

    scale: float = 1.0

    is_optical = False

    def parts(self, rows, columns):
        return (Part("scale", "number", (1, 1)),)

    def initial(self, rows, columns, std, rng):
        return [np.full((1, 1), std)]

    def matrices(self, settings, rows, columns, light):
        return np.broadcast_to(self.scale * settings[0], (len(settings[0]), rows, columns))

    def load(self, matrix, std):
        raise PhotonicsError("ones: cannot be set to a wanted matrix")


class NoCore:
    pass


class NoDataclass(Core):
    pass
'''


class TestRegistered(CoreContract):
    @pytest.fixture(params=Core.kinds().names())
    def core(self, request):
        return Core.kinds().get(request.param)()


class TestMeshes(CoreContract):
    @pytest.fixture(params=TOPOLOGIES.names())
    def core(self, request):
        return Meshes(size=4, topology=request.param)


class TestOptions(CoreContract):
    @pytest.fixture(params=[Meshes(2, s_max=0.5), Numbers(bits=8, range=4.0), Rings(s_max=2.0)], ids=repr)
    def core(self, request):
        return request.param


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


class TestOfAFile(CoreContract):
    @pytest.fixture
    def core(self, file):
        return Core.kinds().get(f"{file}:Ones")(scale=2.0)


def test_a_design_in_a_file_names_a_core_in_a_file(file, tmp_path):
    layer = 'out_modes = [3]\nin_modes = [2]\nranks = [1, 1]\nactivation = "identity"'
    toml = f'readout = false\nn_out = 3\n[[layers]]\n{layer}\ncore = {{ kind = "{file}:Ones", scale = 2.0 }}'
    (tmp_path / "chip.toml").write_text(toml)
    design = read_design(str(tmp_path / "chip.toml"))
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    controls = np.array([3.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(chip.measure(controls, [[1.0, 10.0]]), [[66.0] * 3])
    assert design.to_table()["layers"][0]["core"] == {"kind": f"{file}:Ones", "scale": 2.0}
    assert design.user_files == (f"{file}:Ones",)


@pytest.mark.parametrize("name", ["NoCore", "NoDataclass"])
def test_what_is_no_kind_of_core_is_named(file, name):
    with pytest.raises(PhotonicsError, match="allowed: a dataclass that derives from Core"):
        Core.kinds().get(f"{file}:{name}")


def test_meshes_of_a_topology_in_a_file_say_where_it_stands(tmp_path, monkeypatch):
    head = "from photonzero.photonics.mesh import from_layers\n\n\n"
    pair = "def pair(n):\n    return from_layers('pair', n, [[(0, 1)]])\n"
    (tmp_path / "own.py").write_text(head + pair)
    monkeypatch.chdir(tmp_path)
    core = Meshes(size=4, topology="own.py:pair")
    assert core.n_mzi(4, 4) == 2
    assert core.to_table() == {"kind": "meshes", "size": 4, "topology": f"{tmp_path}/own.py:pair"}
    design = NetworkDesign("own", "", (dense_layer(4, 4, "sin", core),))
    assert design.user_files == (f"{tmp_path}/own.py:pair",)


def test_designs_say_what_they_are_made_of():
    kinds = {layer["core"]["kind"] for layer in get_design("mrr-digits").to_table()["layers"]}
    assert kinds == {"rings"}

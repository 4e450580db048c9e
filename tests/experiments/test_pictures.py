"""Pictures of meshes: every mesh can be drawn, and mistakes are named."""

import matplotlib.image
import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.drawing.mesh_pictures import PICTURES, UNITARIES, draw, phases_of, read_unitary
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topologies import TOPOLOGIES, rectangular
from photonzero.photonics.mesh.transfer import build

OPTIONS = {
    "n_modes": 4,
    "picture": "mesh",
    "unitary": "random",
    "noise": preset("physical"),
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "picture"),
    [*((name, "mesh") for name in TOPOLOGIES), *(("rectangular", p) for p in PICTURES[1:])],
)
def test_a_picture_has_colours(tmp_path, name, picture):
    out = tmp_path / "mesh.png"
    draw(name, **{**OPTIONS, "picture": picture}, out=out)
    pixels = matplotlib.image.imread(out)[..., :3]
    assert np.ptp(pixels, axis=2).max() > 0.3


def test_a_mesh_of_ones_own_is_drawn_and_decomposed(tmp_path):
    (tmp_path / "own.py").write_text(
        "from photonzero.photonics.mesh import from_layers\n"
        "from photonzero.photonics.mesh.nulling import FROM_RIGHT\n\n\n"
        "def mine(n_modes):\n"
        "    layers = [[(0, 1)], [(1, 2)], [(0, 1)]]\n"
        "    return from_layers('mine', n_modes, layers[: 2 * n_modes - 3], nulling=FROM_RIGHT)\n"
    )
    options = {**OPTIONS, "n_modes": 2, "picture": "error", "unitary": "dft"}
    draw(f"{tmp_path}/own.py:mine", **options, out=tmp_path / "mesh.png")
    assert (tmp_path / "mesh.png").stat().st_size > 1000
    with pytest.raises(PhotonicsError, match="topology: 'ring'; allowed: butterfly, rectangular"):
        draw("ring", **OPTIONS, out=tmp_path / "mesh.png")


@pytest.mark.parametrize("unitary", UNITARIES[1:])
def test_named_unitaries_are_what_they_say(unitary):
    expected = {"dft": np.fft.fft(np.eye(4), norm="ortho"), "identity": np.eye(4)}[unitary]
    mesh = rectangular(4)
    np.testing.assert_allclose(build(mesh, *phases_of(mesh, unitary, 0)), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"picture": "film"}, "picture: 'film'; allowed: mesh"),
        ({"unitary": "qft"}, "unitary: 'qft'; allowed: random"),
        ({"out": "no/such/mesh.png"}, "out: no folder '.*no/such'; allowed: a file in one that is there"),
        ({"out": "mesh.jpg"}, "out: '.*mesh.jpg'; allowed: a name that ends in .png"),
    ],
)
def test_mistakes_are_named(tmp_path, change, message):
    options = {"name": "rectangular", "out": "mesh.png", **OPTIONS, **change}
    with pytest.raises(UsageError, match=message):
        draw(options.pop("name"), **{**options, "out": tmp_path / options["out"]})


def test_a_matrix_of_ones_own_is_drawn_rounded_or_not(tmp_path):
    dft = np.fft.fft(np.eye(4), norm="ortho")
    np.save(tmp_path / "u.npy", np.round(dft, 3))
    draw("rectangular", n_modes=None, picture="transfer", unitary=str(tmp_path / "u.npy"),
         noise=NoiseModel(), seed=0, out=tmp_path / "u.png")  # fmt: skip
    assert (tmp_path / "u.png").stat().st_size > 5_000
    np.testing.assert_allclose(read_unitary(tmp_path / "u.npy"), dft, atol=1e-3)
    wrong = (
        (np.ones((4, 4)), "smallest singular value"),
        (2 * dft, "0.5 away from unitary"),
        (np.ones((2, 3)), "allowed: a matrix"),
        (np.array([["a"]]), "allowed: a matrix"),
    )
    for bad, said in wrong:
        np.save(tmp_path / "bad.npy", bad)
        with pytest.raises((UsageError, PhotonicsError), match=said):
            read_unitary(tmp_path / "bad.npy")

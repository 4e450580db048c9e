"""Phases of one's own in a file: read as written, refused if anything does not fit."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import TOPOLOGIES, MeshPhases, build, from_layers, rectangular, symmetric
from photonzero.photonics.mesh.phase_file import FORMAT, MeshNetwork, from_arrays, load_phases, save_phases

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mesh.npz"


def network(mesh=None, **parts):
    mesh = mesh or rectangular(4)
    rng = np.random.default_rng(2)
    sizes = (mesh.n_mzi, mesh.n_mzi, mesh.n_modes, mesh.n_edge)
    return MeshNetwork(mesh, MeshPhases(*(rng.random(size) for size in sizes)), **parts)


@pytest.mark.parametrize("mesh", [rectangular(4), symmetric(4), from_layers("mine", 4, [[(0, 2)], [(1, 3)]])])
def test_a_file_gives_back_what_was_written(tmp_path, mesh):
    rng = np.random.default_rng(0)
    written = network(
        mesh,
        before_weight=rng.random((4, 6)),
        detection="modulus",
        after_weight=rng.random((3, 4)),
        after_bias=rng.random(3),
        test_inputs=rng.random((5, 6)),
        test_labels=np.array([0, 1, 2, 0, 1]),
    )
    save_phases(tmp_path / "phases.npz", written)
    read = load_phases(tmp_path / "phases.npz")
    np.testing.assert_array_equal(read.matrix(), written.matrix())
    np.testing.assert_array_equal(
        read.outputs(read.matrix(), written.test_inputs),
        written.outputs(written.matrix(), written.test_inputs),
    )
    # Twice the same file is the same mesh object, so that what is derived from it is derived once.
    assert load_phases(tmp_path / "phases.npz").mesh is read.mesh


@st.composite
def own_meshes(draw):
    """Any pairs, any cell, edge shifters, and the names of built-in meshes too."""
    n_modes = draw(st.integers(2, 9))
    pairs = st.permutations(range(n_modes)).map(
        lambda order: [tuple(sorted(order[k : k + 2])) for k in range(0, n_modes - 1, 2)]
    )
    layers = draw(st.lists(pairs, min_size=1, max_size=5))
    places = st.tuples(st.integers(0, len(layers)), st.integers(0, n_modes - 1))
    # One shifter on a mode before each of its MZIs; in these meshes only the last mode may miss a layer.
    edges = draw(st.lists(places, unique_by=lambda place: place[1], max_size=4))
    cell = draw(st.sampled_from(["asymmetric", "symmetric"]))
    name = draw(st.sampled_from(["mine", *TOPOLOGIES]))
    return from_layers(name, n_modes, layers, cell=cell, edges=edges)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mesh=own_meshes(), seed=st.integers(0, 2**32 - 1))
def test_a_mesh_of_ones_own_survives_its_file_whatever_its_name(tmp_path_factory, mesh, seed):
    path = tmp_path_factory.mktemp("own") / "phases.npz"
    written = MeshNetwork(mesh, MeshPhases.uniform(mesh, np.random.default_rng(seed)))
    save_phases(path, written)
    read = load_phases(path)
    np.testing.assert_array_equal(read.matrix(), written.matrix())
    for column in ("layer", "row", "partner", "edge_layer", "edge_row"):
        np.testing.assert_array_equal(getattr(read.mesh, column), getattr(mesh, column))
    assert (read.mesh.name, read.mesh.cell) == (mesh.name, mesh.cell)


def test_a_file_of_before_cells_were_written_has_asymmetric_ones():
    mesh = from_layers("mine", 4, [[(0, 2)], [(1, 3)]])
    arrays = network(mesh).to_arrays()
    for key in ("cell", "edge_layer", "edge_row"):
        del arrays[key]
    np.testing.assert_array_equal(from_arrays(arrays).matrix(), network(mesh).matrix())


def test_the_file_of_a_built_in_mesh_holds_its_name_alone():
    assert not {"layer", "cell"} & set(network(symmetric(4)).to_arrays())


def test_the_answer_is_linear_detect_linear():
    rng = np.random.default_rng(1)
    before, after = rng.random((4, 3)), rng.random((2, 4))
    x = rng.random((1, 3))
    for detection, detect in (("power", lambda y: abs(y) ** 2), ("real", np.real), ("modulus", np.abs)):
        own = network(before_weight=before, before_bias=np.ones(4), detection=detection, after_weight=after)
        expected = after @ detect(build(own.mesh, *own.phases) @ (before @ x[0] + 1))
        np.testing.assert_allclose(own.outputs(own.matrix(), x)[0], expected, rtol=1e-13)


def test_the_example_works():
    example = load_phases(EXAMPLE)
    assert example.mesh is rectangular(16)
    assert example.test_accuracy(example.matrix()) > 0.85


GOOD = {
    "format": FORMAT,
    "topology": "rectangular",
    "theta_rad": np.zeros(6),
    "phi_rad": np.zeros(6),
    "out_phase_rad": np.zeros(4),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta_rad": np.zeros(5)}, r"theta_rad: shape \(5,\); allowed: \(6,\)"),
        ({"phi_rad": np.full(6, np.nan)}, "phi_rad: allowed: finite numbers"),
        ({"format": "other 2"}, "format: 'other 2'; allowed: 'photonzero phases 1'"),
        ({"topology": "ring"}, "topology: 'ring'; allowed: butterfly, rectangular"),
        ({"layer": np.zeros(6, int)}, "layer, row, partner: allowed: all three"),
        ({"theta": np.zeros(6)}, "unknown array theta; allowed: format, topology"),
        ({"detection": "phase"}, "detection: 'phase'; allowed: power, real, modulus"),
        ({"before_weight": np.zeros((3, 4))}, r"before_weight: shape \(3, 4\); allowed: \(4, 4\)"),
        ({"after_weight": np.zeros((3, 5))}, r"after_weight: shape \(3, 5\); allowed: \(3, 4\)"),
        ({"test_inputs": np.zeros((2, 4))}, "test_inputs, test_labels: one of them"),
        (
            {"test_inputs": np.zeros((2, 4)), "test_labels": np.array([0, 4])},
            "test_labels: allowed: at least one",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, change, message):
    np.savez(tmp_path / "bad.npz", **{**GOOD, **change})
    with pytest.raises(PhotonicsError, match=message) as error:
        load_phases(tmp_path / "bad.npz")
    assert "bad.npz" in str(error.value)


def test_no_flipped_bit_ends_in_a_traceback(tmp_path):
    good = tmp_path / "good.npz"
    save_phases(good, network())
    data = bytearray(good.read_bytes())
    for place in range(0, len(data), 7):
        bad = data.copy()
        bad[place] ^= 1 << place % 8
        (tmp_path / "bad.npz").write_bytes(bad)
        with suppress(PhotonicsError):
            load_phases(tmp_path / "bad.npz")


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(PhotonicsError, match=r"none.npz: No such file"):
        load_phases(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(PhotonicsError, match="damaged or not an npz file"):
        load_phases(tmp_path / "text.npz")
    np.savez(tmp_path / "part.npz", **{key: value for key, value in GOOD.items() if key != "phi_rad"})
    with pytest.raises(PhotonicsError, match="phi_rad is missing"):
        load_phases(tmp_path / "part.npz")

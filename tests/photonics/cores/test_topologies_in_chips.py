"""Layers of other topologies: built cell by cell, started with the right statistics, loaded or refused."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer, modern_design, modern_layer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.orthogonal import build_imperfect, build_orthogonal, rotation_cells
from photonzero.photonics.mesh.topologies import TOPOLOGIES, mesh
from photonzero.photonics.networks.load import load_network, unfolded_cores
from photonzero.photonics.networks.twins import digital_twin


def product_of_rotations(topology, theta):
    """The mesh as a product of N x N rotations, cell after cell."""
    u = np.eye(topology.n_modes)
    for a, b, angle in zip(topology.row, topology.partner, theta, strict=True):
        cell = np.eye(topology.n_modes)
        cell[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        u = cell @ u
    return u


@pytest.mark.parametrize("name", TOPOLOGIES.names())
def test_a_mesh_is_the_product_of_the_rotations_of_its_topology(name):
    topology = mesh(name, 8)
    theta = np.random.default_rng(0).uniform(0, 7, (3, topology.n_mzi))
    built = build_orthogonal(topology, theta)
    ideal = rotation_cells(*np.zeros((2, 1, topology.n_mzi)), 1.0)
    imperfect = build_imperfect(topology, theta[:, None], ideal)
    for p in range(3):
        np.testing.assert_allclose(built[p], product_of_rotations(topology, theta[p]), atol=2e-14)
        np.testing.assert_allclose(imperfect[p, 0], built[p], atol=1e-15)


def design_of(core, n=8):
    return NetworkDesign("one", "", (dense_layer(n, n, "identity", core),), n_out=n, readout=False)


@pytest.mark.parametrize("name", TOPOLOGIES.names())
def test_every_topology_makes_a_chip_whose_noise_vanishes(name):
    layer = TTLayer((2, 4), (4, 2), (1, 2, 1), "sin", Meshes(4, name))
    design = NetworkDesign("tt", "", (layer, layer))
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    controls = chip.initial_controls(np.random.default_rng(0))[None]
    x = np.random.default_rng(1).normal(size=(30, 8))
    # The same cores as numbers, the products of rotations above having checked the cores.
    cores = unfolded_cores(design, controls[0])
    twin = fabricate(digital_twin(design), NoiseModel(), 0, dtype=np.float64)
    numbers = np.zeros((1, twin.n_controls))
    for group_name, group in twin.control_groups.items():
        place, _, core = group_name.partition("/core")
        if core:
            numbers[0, group.slice] = cores[int(place.removeprefix("layer")) - 1][int(core)].ravel()
        else:
            numbers[0, group.slice] = controls[0, chip.control_groups[group_name].slice]
    np.testing.assert_allclose(chip.measure(controls, x), twin.measure(numbers, x), atol=1e-13)
    noisy = fabricate(design, preset("physical"), 0, dtype=np.float64)
    assert np.abs(noisy.measure(controls, x) - chip.measure(controls, x)).max() > 0.01


def test_a_butterfly_has_fewer_phases_and_starts_as_a_random_matrix_does():
    # s_max so large that no singular value of a Gaussian matrix is cut.
    cores = [Meshes(8, name, s_max=10.0) for name in ("rectangular", "butterfly")]
    assert [core.n_mzi(8, 8) for core in cores] == [2 * 28, 2 * 12]
    chips = [fabricate(design_of(core), NoiseModel(), 0, dtype=np.float64) for core in cores]
    assert [chip.n_controls for chip in chips] == [2 * 28 + 8 + 8, 2 * 12 + 8 + 8]
    std = chips[0].design.layers[0].initial_std
    for chip in chips:
        rng = np.random.default_rng(2)
        made = np.stack([unfolded_cores(chip.design, chip.initial_controls(rng))[0][0] for _ in range(2000)])
        # Means of 2,000 independent matrices: 5 sigma of the mean and of the variance.
        assert np.abs(made.mean(axis=0)).max() < 5 * std / np.sqrt(2000)
        assert np.abs(made.var(axis=0) / std**2 - 1).max() < 5 * 2 / np.sqrt(2000)


def test_the_attenuators_of_a_mesh_have_the_loss_of_its_own_depth_made_up_for():
    loss = replace(preset("physical").insertion_loss, cell_db=1.0)
    for name, depth in (("rectangular", 8), ("triangular", 13), ("butterfly", 3)):
        gain = Meshes(8, name, s_max=1.0).gain(1.0, loss)
        assert gain == pytest.approx(10 ** ((2 * depth + 1) / 20))


def test_a_network_is_loaded_onto_another_topology_and_never_onto_butterflies():
    source = design_of(Meshes(8))
    controls = fabricate(source, NoiseModel(), 0).initial_controls(np.random.default_rng(1))
    wanted = unfolded_cores(source, controls)[0][0]
    for core in (Meshes(4, "triangular"), Meshes(8, "symmetric"), Numbers()):
        design, loaded = load_network(source, controls, [core])
        assert type(design.layers[0].core) is type(core)
        np.testing.assert_allclose(unfolded_cores(design, loaded)[0][0], wanted, atol=1e-13)
    with pytest.raises(
        PhotonicsError,
        match="meshes to be set to a wanted matrix: topology: 'butterfly'; allowed: rectangular",
    ):
        load_network(source, controls, [Meshes(8, "butterfly")])


OLD = {"out_modes": [4], "in_modes": [4], "ranks": [1, 1]}


@pytest.mark.parametrize(
    ("old", "core"),
    [
        ({}, None),
        ({"domain": "phase"}, {"kind": "meshes"}),
        ({"core_size": 4}, {"kind": "meshes", "size": 4}),
        # As a run folder has it: every field of every domain.
        (
            {
                "domain": "phase",
                "core_size": 8,
                "s_max": 2.0,
                "weight_range": 6.0,
                "rings": {"spacing_nm": 0.8},
            },
            {"kind": "meshes", "size": 8, "s_max": 2.0},
        ),
        (
            {"domain": "weight", "core_size": 8, "weight_bits": 8, "weight_range": 4.0, "rings": {}},
            {"kind": "numbers", "bits": 8, "range": 4.0},
        ),
        (
            {"domain": "microring", "core_size": 8, "s_max": 2.0, "rings": {"spacing_nm": 1.0}},
            {"kind": "rings", "spacing_nm": 1.0, "s_max": 2.0},
        ),
        ({"core": {"kind": "numbers"}}, {"kind": "numbers"}),
    ],
)
def test_layers_of_old_files_become_layers_of_today(old, core):
    expected = OLD if core is None else {**OLD, "core": core}
    assert modern_layer({**OLD, **old}) == expected
    assert modern_design({"layers": [{**OLD, **old}], "n_out": 1}) == {"layers": [expected], "n_out": 1}
    assert modern_design({"layers": 3}) == {"layers": 3}


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ({"domain": "wave"}, "domain 'wave'; allowed: core = {kind = ..} in its place"),
        ({"weight_bits": 8}, "weight_bits with domain 'phase'; allowed: weight"),
    ],
)
def test_old_layers_that_never_were_are_named(old, message):
    with pytest.raises(PhotonicsError, match=message):
        modern_layer({**OLD, **old})

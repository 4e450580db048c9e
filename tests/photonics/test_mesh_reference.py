"""Meshes against SAX, an independent circuit simulator (tests/golden/make_mesh_reference.py)."""

from pathlib import Path

import numpy as np
import pytest

from photonzero.photonics.mesh import TOPOLOGIES, MeshImperfections, build, mesh, propagate

PATH = Path(__file__).parents[1] / "golden" / "mesh_reference.npz"
with np.load(PATH, allow_pickle=False) as archive:
    DATA = {key: archive[key] for key in archive.files}
MESHES = sorted(key.removesuffix("_ideal") for key in DATA if key.endswith("_ideal"))


def circuit(key):
    name, n = key.split("_")
    topology = mesh(name, int(n))
    phases = [DATA[f"{key}_{part}_rad"] for part in ("theta", "phi", "out", "edge")]
    errors = MeshImperfections(
        coupler_in_error_rad=DATA[f"{key}_coupler_in_rad"],
        coupler_out_error_rad=DATA[f"{key}_coupler_out_rad"],
        **{f"{part}_loss_db": DATA[f"{key}_{part}_db"] for part in ("cell", "theta", "phi", "out", "edge")},
    )
    return topology, phases, errors


def test_the_file_covers_all_topologies_up_to_16_modes():
    assert {key.split("_")[0] for key in MESHES} == set(TOPOLOGIES.builtin)
    assert {f"{name}_{n}" for name in TOPOLOGIES.builtin for n in (4, 8, 16)} <= set(MESHES)


@pytest.mark.parametrize("key", MESHES)
def test_build_and_propagate_agree_with_the_circuit_simulator(key):
    topology, phases, errors = circuit(key)
    light = np.random.default_rng(0).standard_normal((2, topology.n_modes, 5))
    light = light[0] + 1j * light[1]
    for imperfections, reference in ((None, DATA[f"{key}_ideal"]), (errors, DATA[f"{key}_imperfect"])):
        found = build(topology, *phases, imperfections=imperfections)
        np.testing.assert_allclose(found, reference, rtol=0, atol=1e-12)
        found = propagate(topology, light, *phases, imperfections=imperfections)
        np.testing.assert_allclose(found, reference @ light, rtol=0, atol=1e-12)

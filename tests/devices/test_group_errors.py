"""Phase errors by group: theta or phi, one layer or another, of meshes and of chips."""

import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.mesh import build, fabricate_mesh, haar_phases
from photonzero.photonics.mesh.topologies import mesh


def errors_of(topology, stds, seed=0):
    phases = haar_phases(topology, np.random.default_rng(1))
    realised = fabricate_mesh(topology, NoiseModel(group_std_rad=stds), seed).realised(phases)
    wrapped = [a - np.mod(b, 2 * np.pi) for a, b in zip(realised, phases, strict=True)]
    return dict(zip(("theta", "phi", "out", "edge"), wrapped, strict=True))


@pytest.mark.parametrize("kind", ["theta", "phi", "out", "edge"])
def test_only_the_group_that_is_named_errs(kind):
    topology = mesh("symmetric", 16)
    found = errors_of(topology, {"out" if kind == "out" else f"*/{kind}": 0.05})
    for other, error in found.items():
        if other == kind:
            # A standard deviation of n draws, to four of its own.
            assert abs(error.std() - 0.05) < 4 * 0.05 / np.sqrt(2 * error.size)
        else:
            np.testing.assert_allclose(error, 0, atol=1e-14)


def test_layers_err_apart_and_what_fits_twice_errs_by_both():
    topology = mesh("rectangular", 8)
    third = errors_of(topology, {"layer2/*": 0.05})["theta"]
    np.testing.assert_allclose(third[topology.layer != 2], 0, atol=1e-14)
    assert (third[topology.layer == 2] != 0).all()
    both = errors_of(topology, {"layer2/*": 0.03, "*/theta": 0.04})["theta"]
    # The same die: scaled by the root of the sum of squares.
    np.testing.assert_allclose(both[topology.layer == 2], third[topology.layer == 2], atol=1e-12)


def test_a_group_of_a_chip_errs_and_nothing_else_of_it_changes():
    design = get_design("tonn-tiny")
    model = preset("physical")

    def errors(stds):
        circuit = fabricate(design, NoiseModel(**{**vars(model), "group_std_rad": stds}), 3).circuit
        return circuit._actuator.errors[0], circuit._coupler_errors_rad, circuit.layout

    before, couplers, layout = errors(None)
    after, same_couplers, _ = errors({"layer1/*/U": 0.05})
    np.testing.assert_array_equal(couplers, same_couplers)
    names, group = layout.phase_groups
    errs = np.array([name.startswith("layer1/") and name.endswith("/U") for name in names])[group]
    assert 0 < errs.sum() < errs.size
    np.testing.assert_array_equal(after[~errs], before[~errs])
    assert (after[errs] != before[errs]).all()
    for name in set(names):
        own = layout.phase[np.array([other == name for other in names])[group]]
        assert layout.groups[name].start == own.min()
        assert layout.groups[name].stop == own.max() + 1


def test_mistakes_are_one_clear_line():
    with pytest.raises(DeviceError, match=r"group_std_rad '\*/theta': -1"):
        NoiseModel(group_std_rad={"*/theta": -1})
    with pytest.raises(DeviceError, match=r"group_std_rad: 0\.1; allowed: a section"):
        NoiseModel(group_std_rad=0.1)
    model = NoiseModel(group_std_rad={"theta": 0.1})
    with pytest.raises(DeviceError, match="'theta' fits no group; allowed: layer0/theta, layer1/theta"):
        fabricate_mesh(mesh("rectangular", 4), model, 0)
    assert model.describe() == "theta +-0.1 rad"
    assert not model.phases_are_ideal


def test_no_groups_leave_every_bit():
    topology = mesh("rectangular", 5)
    phases = haar_phases(topology, np.random.default_rng(1))
    assert NoiseModel(group_std_rad={}) == NoiseModel()
    np.testing.assert_array_equal(
        fabricate_mesh(topology, NoiseModel(group_std_rad={}), 0).matrix(phases), build(topology, *phases)
    )

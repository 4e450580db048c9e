"""Chips that are seen less far than they offer."""

import json

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.access import ACCESSES, least, offers, restricted
from photonzero.training.errors import ArgumentError
from photonzero.training.layers.oracle import LastLayerOracle, LayerOracle
from photonzero.training.meter import metered
from photonzero.training.optimizers import start_on
from photonzero.training.oracle import ForwardOracle, ReadoutOracle
from photonzero.training.powers import Stateful
from photonzero.training.testing import (
    LabChip,
    LastLayerLabChip,
    LayeredLabChip,
    OracleContract,
    ReadoutLabChip,
)


class TestLastLayerOfAChip(OracleContract):
    n_in = 3

    def make(self):
        return restricted(fabricate(get_design("tonn-tiny"), preset("published-detector"), 0), "last-layer")


class TestOutputsOfAChip(OracleContract):
    n_in = 3

    def make(self):
        return restricted(fabricate(get_design("tonn-tiny"), preset("published-detector"), 0), "outputs")


KINDS = (ReadoutOracle, LastLayerOracle, LayerOracle)


@pytest.mark.parametrize(
    ("access", "seen"), [(None, KINDS), ("layers", KINDS), ("last-layer", KINDS[:2]), ("outputs", ())]
)
def test_it_shows_so_much_and_no_more(access, seen):
    chip = restricted(fabricate(get_design("tonn-tiny"), preset("ideal"), 0), access)
    for oracle in (chip, metered(chip)):
        assert isinstance(oracle, ForwardOracle)
    assert [kind for kind in KINDS if isinstance(chip, kind)] == list(seen)
    assert (isinstance(metered(chip), ReadoutOracle)) == (ReadoutOracle in seen)
    assert isinstance(chip, Stateful)
    assert chip.initial_controls(np.random.default_rng(0)).shape == (chip.n_controls,)
    start = start_on(chip, np.zeros(chip.n_controls))
    assert (start.shown is not None) == (LastLayerOracle in seen)
    assert (start.layers is not None) == (LayerOracle in seen)
    if access == "outputs":
        for name in ("measure_layer", "measure_features", "circuit"):
            assert not hasattr(chip, name)


def test_its_noise_is_that_of_the_chip():
    def chip():
        return fabricate(get_design("tonn-tiny"), preset("published-detector"), 0)

    settings, inputs = np.zeros((1, chip().n_controls)), np.ones((2, 3))
    seen = restricted(chip(), "last-layer")
    np.testing.assert_array_equal(seen.measure(settings, inputs), chip().measure(settings, inputs))
    other = restricted(chip(), "last-layer")
    other.restore(json.loads(json.dumps(seen.state())))
    np.testing.assert_array_equal(seen.measure(settings, inputs), other.measure(settings, inputs))


def test_the_last_of_all_layers_is_read_where_a_chip_says_no_other_way():
    chip = LayeredLabChip()
    settings, inputs = np.zeros((2, chip.n_controls)), np.ones((3, 3))
    expected = chip.measure_layers(settings, inputs)[-1]

    class AllAtOnce:
        """Has `measure_layers`, and no `measure_last_layer`."""

        n_controls, control_groups, layers = chip.n_controls, chip.control_groups, chip.layers
        largest_input = 1.0
        measure, measure_layer, measure_layers = chip.measure, chip.measure_layer, chip.measure_layers

    assert offers(AllAtOnce()) == "layers"
    for oracle in (metered(AllAtOnce()), restricted(AllAtOnce(), "last-layer")):
        np.testing.assert_array_equal(oracle.measure_last_layer(settings, inputs), expected)


@pytest.mark.parametrize("chip", [LabChip(), ReadoutLabChip(), LastLayerLabChip()])
def test_more_than_a_chip_offers_is_refused_in_one_line(chip):
    offered = ACCESSES[ACCESSES.index(offers(chip)) :]
    for access in ACCESSES:
        if access in offered:
            assert offers(restricted(chip, access)) == access
        else:
            with pytest.raises(
                ArgumentError, match=f"access: '{access}' to .*; allowed: {', '.join(offered)}$"
            ):
                restricted(chip, access)


def test_the_least_of_two():
    assert least("layers", None) == "layers"
    assert least("layers", "outputs") == "outputs"
    assert least("last-layer", "layers") == "last-layer"

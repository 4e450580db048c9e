"""Settings that share work answer what each of them answers alone, to the last bit."""

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.kernels import population
from photonzero.photonics.kernels.contraction import N_DETECT

PARTS = {
    "tt-mnist": "ideal",
    "tonn-digits": "published",
    "mrr-digits": "ideal",
    "int8-mnist": "ideal",
    "tonn-hjb20": "published-detector",
}


def probes(chip, x, n):
    """One control each, at random places, the setting itself and one that changes everything."""
    rng = np.random.default_rng(3)
    settings = np.repeat(x[None], n, axis=0)
    settings[np.arange(n), rng.permutation(chip.n_controls)[:n]] += 0.1
    settings[4], settings[5] = x, x + 0.1
    return settings


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("n_points", [1, 9, 70])
def test_sharing_keeps_the_bits(name, n_points, monkeypatch):
    chip = fabricate(get_design(name), preset(PARTS[name]), 1, threads=2)
    settings = probes(chip, chip.initial_controls(np.random.default_rng(0)), 40)
    points = np.random.default_rng(1).random((n_points, chip.design.n_in))
    before = chip.state()
    seen = []
    whole = population.first_events
    monkeypatch.setattr(population, "first_events", lambda *a: seen.append(whole(*a)) or seen[-1])
    together = chip.measure(settings, points)
    assert (seen[0] > 0).any(), "nothing was shared"
    monkeypatch.setattr(population, "first_events", lambda *a: 0 * whole(*a))
    chip.restore(before)
    np.testing.assert_array_equal(chip.measure(settings, points), together)


@pytest.mark.parametrize("noise", ["ideal", "published", "physical"])
def test_cores_that_settings_have_in_common_are_those_that_each_makes_alone(noise, monkeypatch):
    chip = fabricate(get_design("tonn-digits"), preset(noise), 1)
    settings = probes(chip, chip.initial_controls(np.random.default_rng(0)), 60)
    made = []
    unfolded = chip.circuit._unfolded
    monkeypatch.setattr(chip.circuit, "_unfolded", lambda x, *a: made.append(len(x)) or unfolded(x, *a))
    realised = chip.circuit.program(settings, 1, np.random.default_rng(0))
    weights, _ = chip.circuit.weights(realised)
    assert max(made) < 60, "every core was made for every setting"
    alone = [chip.circuit.weights(setting[None])[0][0] for setting in realised]
    np.testing.assert_array_equal(weights, alone)


def test_a_setting_starts_at_the_first_event_that_differs():
    chip = fabricate(get_design("tt-mnist"), preset("ideal"), 0)
    groups = chip.control_groups
    names = ["layer1/core3", "layer1/core0", "layer1/bias", "layer2/core3", "layer2/core0", "layer2/bias"]
    x = chip.initial_controls(np.random.default_rng(0))
    settings = np.repeat(x[None], len(names) + 1, axis=0)
    for setting, name in zip(settings, names, strict=False):
        setting[groups[name].slice.start] += 1.0
    layout = chip.circuit.layout
    rows = chip.circuit.weights(chip.circuit.program(settings, 1, np.random.default_rng(0)))
    differs = [part != population.common_setting(part) for part in rows]
    silent = np.zeros((2, N_DETECT))
    first = population.first_events(layout.layer_table, layout.stage_table, silent, *differs)
    # Cores are contracted from the last to the first; an end stands behind four cores.
    np.testing.assert_array_equal(first, [0, 3, 4, 5, 8, 9, 10])

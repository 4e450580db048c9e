"""Chips that drift after they were calibrated, and models that follow them."""

import json
from dataclasses import replace

import numpy as np
import pytest

import photonzero as pz
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.noise_model import preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.calibrate.calibrated_model import CalibratedModel
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.calibrate.recalibration import recalibrate
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from tests.experiments.command import command, refused

DESIGN = get_design("tonn-tiny")
NOISE = replace(preset("published-detector"), phase_drift=PhaseDrift(std_rad=0.03, correlation_time_s=1.0))


@pytest.fixture(scope="module")
def drifted():
    """A chip long after it was calibrated, what it was before, and its second layer at ten settings now."""
    chip = fabricate(DESIGN, NOISE, 100, threads=1)
    model = calibrate(chip, seed=100).model
    chip.wait(100.0)
    silent = replace(NOISE, readout_noise=ReadoutNoise())
    twin = fabricate(DESIGN, silent, 100, dtype=np.float64, threads=1)
    twin.restore(chip.state())
    wiring = model.layer(2).model.wiring
    phases = wiring.on_grid(np.random.default_rng(1).uniform(0.0, 2.0 * np.pi, (10, wiring.n_phases)))
    readings = twin.measure_layer(1, wiring.settings(phases), np.eye(16))
    return chip, model, phases, readings.swapaxes(1, 2)


def error(model, phases, wanted):
    return np.linalg.norm(model.layer(2).model.matrices(phases) - wanted) / np.linalg.norm(wanted)


def test_a_handful_of_readings_brings_a_model_up_to_date(drifted):
    chip, model, phases, wanted = drifted
    state = chip.state()
    found = recalibrate(chip, model, 12, seed=3)
    assert (found.inferences, found.settings) == (24, 24)
    assert error(model, phases, wanted) > 0.05
    assert error(found.model, phases, wanted) < 5e-3
    # Both models before and after are of the drift's size apart: it is stationary.
    assert all(0.02 < own.drift_rad < 0.08 for own in found.layers)
    assert all(own.fits and own.chi2_before > 10.0 for own in found.layers)
    chip.restore(state)
    again = recalibrate(chip, model, 12, seed=3)
    for own, other in zip(found.layers, again.layers, strict=True):
        np.testing.assert_array_equal(own.model.errors.vector, other.model.errors.vector)


def test_at_the_setting_in_use_fewer_readings_do_and_nothing_is_programmed(drifted):
    chip, model, phases, wanted = drifted
    controls = model.layer(2).model.wiring.settings(phases[:1])[0]
    found = recalibrate(chip, model, 6, controls=controls)
    assert (found.inferences, found.settings) == (12, 2)
    here = error(found.model, phases[:1], wanted[:1])
    assert here < 5e-3
    # Elsewhere other combinations of phases matter.
    assert error(found.model, phases[1:], wanted[1:]) > 3.0 * here


def test_a_chip_that_has_not_drifted_stays_as_it_was(drifted):
    chip, model, phases, wanted = drifted
    known = recalibrate(chip, model, 40, seed=4).model
    after = recalibrate(chip, known, 6, seed=5)
    assert all(own.drift_rad < 2e-3 and own.chi2_before < 3.0 for own in after.layers)
    assert error(after.model, phases, wanted) < 1.5 * error(known, phases, wanted)


def test_the_model_of_another_chip_is_noticed(drifted):
    other = fabricate(DESIGN, NOISE, 101, threads=1)
    assert not any(own.fits for own in recalibrate(other, drifted[1], 30).layers)


def test_what_cannot_be_followed_is_refused(drifted):
    chip, model = drifted[:2]
    with pytest.raises(PhotonicsError, match="readings: 0; allowed: >= 1"):
        recalibrate(chip, model, 0)
    with pytest.raises(UsageError, match="calibrated model of tonn-tiny: allowed: that design"):
        recalibrate(pz.fabricate("tonn-wave", threads=1), model)
    with pytest.raises(PhotonicsError, match=r"elapsed_s: -1\.0; allowed"):
        chip.wait(-1.0)


def test_the_command_follows_a_chip(drifted, monkeypatch, capsys, tmp_path):
    noise = tmp_path / "drifting.toml"
    noise.write_text(
        'base = "published-detector"\n[phase_drift]\nstd_rad = 0.03\ncorrelation_time_s = 1.0\n', "utf-8"
    )
    drifted[1].save(tmp_path / "before.npz")
    chip = ("calibrate", "tonn-tiny", "--noise", noise, "--seed", "100", "--from", tmp_path / "before.npz")
    out = tmp_path / "after"
    command(monkeypatch, *chip, "--after", "9", "--readings", "12", "--out", out, "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["fits"]
    assert result["inferences"] == result["settings"] == 24
    assert all(layer["drift_rad"] > 0.02 for layer in result["layers"])
    assert CalibratedModel.load(out / "model.npz").layer(1).reading_std == drifted[1].layer(1).reading_std
    assert "--layer: allowed: without --from" in refused(monkeypatch, capsys, *chip, "--layer", "1")


def test_the_study_tells_that_more_readings_a_second_keep_a_model_nearer():
    grid = {"layer": "tonn-tiny/2", "read_at": ["in use"], "at_once": 8, "readings_per_s": [1.0, 1000.0]}
    table = pz.sweep("recalibration", grid, chips=1, root_seed=100, rounds=1)
    slow, fast = table.rows()
    assert slow["error_never"] > 0.03
    assert slow["error_after"] < 0.2 * slow["error_before"]
    assert fast["error_before"] < 0.3 * slow["error_before"]

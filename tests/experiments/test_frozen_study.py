"""Trained against frozen optics: one network, and its figure."""

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.frozen import design_of, gains, noise_of
from photonzero.experiments.studies.running import sweep
from photonzero.photonics.designs import get_design


def test_its_network_of_64_features_is_that_of_waves():
    layers, wave = design_of("helmholtz", 64).layers, get_design("tonn-wave").layers
    assert layers == wave
    with pytest.raises(UsageError, match="features: 20; allowed: multiples of 8"):
        design_of("helmholtz", 20)


def test_bits_and_detectors_are_the_setting_s():
    noise = noise_of("published", {"bits": 5, "noise": 2e-3})
    assert (noise.phase_quantizer.bits, noise.readout_noise.std_of_full_scale) == (5, 2e-3)


def test_a_gain_is_that_of_one_chip():
    one = {"problem": "heat", "features": 16, "bits": 8, "noise": 0.0, "seed": 1}
    rows = [
        {**one, "optics": "frozen", "error": 0.6},
        {**one, "optics": "frozen", "bits": 4, "error": 0.9},
        {**one, "optics": "trained", "error": 0.2},
        {**one, "optics": "trained", "bits": 4, "error": None},
        {**one, "optics": "trained", "seed": 2, "error": 0.1},
    ]
    (gained,) = gains(rows)
    assert (gained["bits"], gained["seed"], gained["gain"]) == (8, 1, pytest.approx(3.0))


def test_trained_optics_pay_on_few_features(tmp_path):
    grid = {"problem": "black-scholes", "features": 16, "noise": 1e-3, "seed": 100}
    table = sweep("frozen", grid, n_steps=4, out=tmp_path)
    frozen, trained = (table.where(optics=optics)["error"][0] for optics in ("frozen", "trained"))
    # 0.16 and some 0.01: a readout alone cannot make up for features that do not fit.
    assert trained < 0.5 * frozen
    for figure in ("frozen", "frozen-errors"):
        assert (tmp_path / "figures" / f"{figure}.png").stat().st_size > 10_000
    assert table.where(optics="frozen")["steps"][0] == 1

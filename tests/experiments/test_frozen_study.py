"""Trained against frozen optics: one network, and its figure."""

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.frozen import design_of, noise_of
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


def test_trained_optics_pay_on_few_features(tmp_path):
    grid = {"problem": "black-scholes", "features": 16, "noise": 1e-3, "seed": 100}
    table = sweep("frozen", grid, n_steps=4, out=tmp_path)
    frozen, trained = (table.where(optics=optics)["error"][0] for optics in ("frozen", "trained"))
    # 0.16 and some 0.01: a readout alone cannot make up for features that do not fit.
    assert trained < 0.5 * frozen
    assert (tmp_path / "figures" / "frozen.png").stat().st_size > 10_000
    assert table.where(optics="frozen")["steps"][0] == 1

"""The study of chips that identify themselves."""

import pytest

from photonzero.devices.noise_model import preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.self_calibration import MORE_ERRORS, STUDY, noise_of
from photonzero.experiments.sweep.plan import resolve_plan


def test_errors_have_names_and_light_of_their_own_stays():
    assert noise_of("physical", 1e-3) == preset("physical")
    for name in MORE_ERRORS:
        noise = noise_of(name, 2e-3)
        assert noise.readout_noise.std_of_full_scale == 2e-3
        assert noise.phase_shifter == preset("published").phase_shifter
    with pytest.raises(UsageError, match=r"noise: 'calm'; allowed: ideal, .*couplers, all-parts"):
        resolve_plan(STUDY, {"grid": {"layer": ["core"], "noise": ["calm"]}})

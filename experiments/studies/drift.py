"""Phases that wander: while a network is trained, and after it was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from photonzero.devices.drift import PhaseDrift
from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.studies.network_study import network_study
from photonzero.experiments.sweep.study import Axis


def noise_of(noise: NoiseModel, setting: Mapping[str, Any]) -> NoiseModel:
    """A chip with the setting's drift."""
    return replace(noise, phase_drift=PhaseDrift(setting["drift_std_rad"], setting["correlation_time_s"]))


STUDY = network_study(
    "drift",
    "Phases that wander while a network is trained on the chip, or after it was loaded.",
    (
        Axis("correlation_time_s", "correlation time [s]", low=1e-9),
        Axis("drift_std_rad", "std. of the phase drift [rad]"),
    ),
    noise_of,
    defaults={
        "correlation_time_s": [1e-4, 1e-2, 1.0],
        "drift_std_rad": [0.0, 0.001, 0.003, 0.01, 0.03, 0.1],
    },
    quick={"correlation_time_s": [1e-4, 1.0], "drift_std_rad": [0.003, 0.03]},
    caption=(
        "Every phase follows an Ornstein-Uhlenbeck process of this standard deviation and correlation time. "
        "An inference takes 1 ns, so a training of a million inferences takes about a millisecond: drift "
        "slower than that is a bias that training on the chip removes, faster drift is noise."
    ),
)

"""Detector noise as a fraction of full scale, for studies that do not fix the optical power."""

from __future__ import annotations

from dataclasses import dataclass

from photonzero.devices._check import require_number


@dataclass(frozen=True)
class ReadoutNoise:
    """White Gaussian noise of every detector reading, fresh at each inference.

    Attributes:
        std_of_full_scale: standard deviation as a fraction of the layer's detector range; 0.001 is
            the "0.1 %" of the literature.
    """

    std_of_full_scale: float = 0.0

    def __post_init__(self) -> None:
        require_number("readout_noise.std_of_full_scale", self.std_of_full_scale, low=0.0, high=1.0)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        std = self.std_of_full_scale
        return f"readout noise {std:g} of full scale" if std > 0 else ""

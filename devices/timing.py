"""How long a chip takes: the clock that slow processes run by."""

from __future__ import annotations

from dataclasses import dataclass

from photonzero.devices._check import require_number


@dataclass(frozen=True)
class Timing:
    """Times that pass while a chip is measured.

    Attributes:
        programming_s: from one setting of the phases to the next [s]. Default 1 ns, a charged
            capacitor (`HardwareFigures.phase_settling_s`); a silicon heater needs about 10 us.
        inference_s: from one input vector to the next [s]. Default 1 ns, a symbol rate of 1 GHz
            (`HardwareFigures.symbol_rate_hz`).
    """

    programming_s: float = 1e-9
    inference_s: float = 1e-9

    def __post_init__(self) -> None:
        require_number("timing.programming_s", self.programming_s, low=0.0)
        require_number("timing.inference_s", self.inference_s, low=0.0)

    def elapsed_s(self, n_inferences: int) -> float:
        """Time to program one setting and present so many input vectors to it [s]."""
        return self.programming_s + n_inferences * self.inference_s

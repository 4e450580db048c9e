"""What can be set on a chip, as named slices of one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ControlKind: TypeAlias = Literal["phase", "digital"]


@dataclass(frozen=True)
class ControlGroup:
    """Controls that belong together.

    Attributes:
        start: index of the first control of the group.
        stop: one past the last.
        kind: "phase" [rad], or "digital" for a number of the electronics.
        grid_step: distance of neighbouring settings of the DAC [rad]; 0 if any number can be set.
        scale: typical size of a meaningful change [rad for phases].
    """

    start: int
    stop: int
    kind: ControlKind
    grid_step: float = 0.0
    scale: float = 1.0

    @property
    def slice(self) -> slice:
        """The group's place in the control vector."""
        return slice(self.start, self.stop)

"""What whoever built a chip knows of it: what can be set, and the shape of its layers. None of its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

ControlKind: TypeAlias = Literal["phase", "digital"]
Response: TypeAlias = Literal["sinusoid", "smooth"]


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


@dataclass(frozen=True)
class CoreFormat:
    """Where one core of a layer is set from.

    Attributes:
        controls: places of its controls in the control vector.
        response: how it depends on any of them: as ``a + b cos x + c sin x``, as the angle of an
            interferometer acts, or in some other smooth way.
        low: end of the range of its drivers [rad for phases].
        high: the other end.
    """

    controls: slice
    response: Response
    low: float
    high: float


@dataclass(frozen=True)
class LayerFormat:
    """Shape and electronics of a layer that is driven and read by itself.

    It multiplies with a tensor train ``W[i_1 .. i_d, j_1 .. j_d] = prod_k core_k[:, i_k, j_k, :]``, core k of
    shape (r_{k-1}, m_k, n_k, r_k).

    Attributes:
        out_modes: (m_1 .. m_d), their product is the number of detectors.
        in_modes: (n_1 .. n_d), their product is the number of modulators.
        ranks: (r_0 .. r_d) that readings can have: twice those of the fields between cores whose fields are
            complex.
        activation: of the electronics behind the detectors.
        bias: places of the biases in the control vector.
        cores: one a core.
        full_scale: readings beyond it are cut off.
    """

    out_modes: tuple[int, ...]
    in_modes: tuple[int, ...]
    ranks: tuple[int, ...]
    activation: str
    bias: slice
    cores: tuple[CoreFormat, ...]
    full_scale: float = math.inf

    @property
    def n_in(self) -> int:
        """Modulators."""
        return math.prod(self.in_modes)

    @property
    def n_out(self) -> int:
        """Detectors."""
        return math.prod(self.out_modes)

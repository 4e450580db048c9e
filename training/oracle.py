"""The seam between learning and hardware: ask for a measurement, never for a gradient.

A `ForwardOracle` is anything that can be programmed with a vector of controls and answers with real
numbers: the simulator in `photonics`, or a chip on a bench. `photonzero.training.meter` counts what it is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from photonzero.training.errors import ArgumentError

Array: TypeAlias = npt.NDArray[Any]
ControlKind: TypeAlias = Literal["phase", "digital"]


class ControlGroupView(Protocol):
    """A named slice of the control vector, as any oracle may describe it; see `ControlGroup`."""

    @property
    def kind(self) -> ControlKind:
        """Either "phase" or "digital"."""
        ...

    @property
    def grid_step(self) -> float:
        """Distance of neighbouring settings [rad for phases], 0 for none."""
        ...

    @property
    def scale(self) -> float:
        """Typical size of a meaningful change [rad for phases]."""
        ...

    @property
    def slice(self) -> slice:
        """The group's place in the control vector."""
        ...


@dataclass(frozen=True)
class ControlGroup:
    """Controls that belong together: where they sit in the vector and what can be set.

    Attributes:
        start: index of the first control of the group.
        stop: one past the last.
        kind: "phase" for an optical phase [rad] behind a DAC, "digital" for a number of the
            electronics (bias, scale, weight of the last layer).
        grid_step: distance of neighbouring settings [rad for phases]; 0 if any real number can be set.
        scale: typical size of a meaningful change, for optimizers that perturb groups together
            [rad for phases].
    """

    start: int
    stop: int
    kind: ControlKind
    grid_step: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ArgumentError(
                f"control group: start {self.start}, stop {self.stop}; allowed: 0 <= start <= stop"
            )
        if self.kind not in ("phase", "digital"):
            raise ArgumentError(f"control group: kind {self.kind!r}; allowed: 'phase', 'digital'")
        if not (np.isfinite(self.grid_step) and self.grid_step >= 0):
            raise ArgumentError(f"control group: grid_step {self.grid_step}; allowed: >= 0")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ArgumentError(f"control group: scale {self.scale}; allowed: > 0")

    @property
    def slice(self) -> slice:
        """The group's place in the control vector."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Stencil:
    """The B * K input points ``centers[b] + offsets[k]``, kept factored so that an oracle may use it.

    The first layer of a network is linear, ``W (x + d) = W x + W d``: a simulator evaluates it at B
    centres and K offsets instead of B * K points.

    Attributes:
        centers: B points, (B, d).
        offsets: K displacements of each of them, (K, d).
    """

    centers: Array
    offsets: Array

    def __post_init__(self) -> None:
        for name, value in (("centers", self.centers), ("offsets", self.offsets)):
            if value.ndim != 2:
                raise ArgumentError(f"stencil {name}: shape {value.shape}; allowed: 2 dimensions")
        if self.centers.shape[1] != self.offsets.shape[1]:
            raise ArgumentError(
                f"stencil offsets: {self.offsets.shape[1]} coordinates; "
                f"allowed: {self.centers.shape[1]}, as the centers have"
            )

    @property
    def n_points(self) -> int:
        """Input vectors presented: B * K."""
        return self.centers.shape[0] * self.offsets.shape[0]

    def points(self) -> Array:
        """All points, (B * K, d), offsets running fastest."""
        full = self.centers[:, None, :] + self.offsets[None, :, :]
        return full.reshape(self.n_points, self.centers.shape[1])


Inputs: TypeAlias = Array | Stencil


def n_inputs(inputs: Inputs) -> int:
    """Number of input vectors that `inputs` presents to the chip."""
    return inputs.n_points if isinstance(inputs, Stencil) else inputs.shape[0]


@runtime_checkable
class ForwardOracle(Protocol):
    """What training needs of a chip. A laboratory chip stands behind these three names."""

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        ...

    @property
    def control_groups(self) -> Mapping[str, ControlGroupView]:
        """Named groups that cover the control vector, such as "layer1/core0/U"."""
        ...

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """Program P settings (P, n_controls), present B inputs (B, d) or B * K points of a stencil.

        Returns real outputs (P, B, n_out); for a stencil (P, B * K, n_out), offsets fastest.
        """
        ...


@runtime_checkable
class ReadoutOracle(ForwardOracle, Protocol):
    """A chip that also shows what its last detectors read.

    Behind them stands a digital linear readout, known exactly:
    ``outputs = features @ weight.T + bias``. Its derivatives therefore cost no inference. Both parts of
    the readout are controls.
    """

    @property
    def readout_weight(self) -> slice:
        """Place of the weights (n_out, n_features), row after row, in the control vector."""
        ...

    @property
    def readout_bias(self) -> slice:
        """Place of the n_out biases in the control vector."""
        ...

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """As `measure`, but the numbers that the readout combines, (P, B, n_features)."""
        ...


def readout_controls(oracle: ReadoutOracle) -> Array:
    """Places of the readout's controls, (n_readout,): weights, row after row, then biases."""
    index = np.arange(oracle.n_controls)
    return np.concatenate([index[oracle.readout_weight], index[oracle.readout_bias]])

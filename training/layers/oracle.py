"""Layer access: one layer driven through its own modulators and read at its own detectors.

Between optical layers there are electronics. A chip that opens them answers for one layer alone, before
its bias and its activation. No gradient and no matrix crosses this seam: a layer's matrix is measured.

One that opens less still may show what the detectors of its last layer read while inputs pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array, ForwardOracle

Response: TypeAlias = Literal["sinusoid", "smooth"]
"""How a core depends on one of its controls: as ``a + b cos x + c sin x``, as the angle of an interferometer
acts, or in some other smooth way."""


@dataclass(frozen=True)
class CoreFormat:
    """Where one core of a layer is set from.

    Attributes:
        controls: places of its controls in the control vector.
        response: how it depends on any of them.
        low: end of the range of its drivers [rad for phases].
        high: the other end.
    """

    controls: slice
    response: Response = "sinusoid"
    low: float = 0.0
    high: float = 2.0 * math.pi


@dataclass(frozen=True)
class LayerFormat:
    """What whoever built a layer knows of it: its shape and its electronics, none of its errors.

    It multiplies with a tensor train ``W[i_1 .. i_d, j_1 .. j_d] = prod_k core_k[:, i_k, j_k, :]``, the first
    index slowest, core k of shape (r_{k-1}, m_k, n_k, r_k). One core is a dense layer.

    Attributes:
        out_modes: (m_1 .. m_d).
        in_modes: (n_1 .. n_d).
        ranks: (r_0 .. r_d), as many as the layer's readings can have: twice the fields' between cores whose
            fields are complex.
        activation: of the electronics behind the detectors.
        bias: places of the digital biases in the control vector.
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

    def __post_init__(self) -> None:
        d = len(self.out_modes)
        if d < 1 or (len(self.in_modes), len(self.ranks), len(self.cores)) != (d, d + 1, d):
            raise ArgumentError(
                f"layer format: {d} out_modes, {len(self.in_modes)} in_modes, {len(self.ranks)} ranks, "
                f"{len(self.cores)} cores; allowed: d, d, d + 1 and d of them with d >= 1"
            )

    @property
    def n_in(self) -> int:
        """Modulators."""
        return math.prod(self.in_modes)

    @property
    def n_out(self) -> int:
        """Detectors."""
        return math.prod(self.out_modes)


@dataclass(frozen=True)
class LayerReading:
    """A question to one layer.

    Attributes:
        layer: its number, the first being 0.
        controls: (P, n_controls) settings to program.
        vectors: (B, n_in) to present to each.
    """

    layer: int
    controls: Array
    vectors: Array

    @property
    def n_inferences(self) -> int:
        """P B."""
        return len(self.controls) * len(self.vectors)


@dataclass(frozen=True)
class LastLayerReading:
    """Inputs that pass the whole chip, and the readings of its last layer.

    Attributes:
        controls: (P, n_controls) settings to program.
        inputs: (B, d) to present to each.
    """

    controls: Array
    inputs: Array

    @property
    def n_inferences(self) -> int:
        """P B."""
        return len(self.controls) * len(self.inputs)


@runtime_checkable
class LastLayerOracle(ForwardOracle, Protocol):
    """A chip that shows the readings of its last layer, and opens no other."""

    @property
    def layers(self) -> Sequence[LayerFormat]:
        """From the input on."""
        ...

    @property
    def largest_input(self) -> float:
        """What the modulators can present, from minus to plus this."""
        ...

    def measure_last_layer(self, controls: Array, inputs: Array) -> Array:
        """Program P settings (P, n_controls), present B inputs (B, d) to the chip.

        Returns readings (P, B, n_out) of the last layer, before bias and activation.
        """
        ...


@runtime_checkable
class LayerOracle(ForwardOracle, Protocol):
    """A chip whose layers can be driven and read one by one."""

    @property
    def layers(self) -> Sequence[LayerFormat]:
        """From the input on."""
        ...

    @property
    def largest_input(self) -> float:
        """What the modulators can present, from minus to plus this."""
        ...

    def measure_layer(self, layer: int, controls: Array, vectors: Array) -> Array:
        """Program P settings (P, n_controls), present B vectors (B, n_in) to one layer, the first being 0.

        Returns readings (P, B, n_out), before bias and activation.
        """
        ...

    def measure_layers(self, controls: Array, inputs: Array) -> Sequence[Array]:
        """Program P settings (P, n_controls), present B inputs (B, d) to the chip, read all layers meanwhile.

        Returns readings (P, B, n_out) layer by layer, before bias and activation. What a layer is
        presented is what the electronics made of the readings of the one before: noise included.
        """
        ...


def last_layer_readings(oracle: LastLayerOracle | LayerOracle, controls: Array, inputs: Array) -> Array:
    """What the last layer reads as inputs pass, of a chip that shows it alone or among all layers."""
    if isinstance(oracle, LastLayerOracle):
        return oracle.measure_last_layer(controls, inputs)
    return oracle.measure_layers(controls, inputs)[-1]

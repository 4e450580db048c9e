"""Network designs: what is to be fabricated, before any imperfection.

A design is data. `photonzero.photonics.chip.fabricate` turns it, with a noise model and a seed, into a chip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from photonzero.photonics.cores.ring_rows import RingRows
from photonzero.photonics.errors import PhotonicsError

Activation: TypeAlias = Literal["identity", "sin", "tanh", "relu", "gelu"]
Domain: TypeAlias = Literal["phase", "weight", "microring"]

ACTIVATIONS: tuple[Activation, ...] = ("identity", "sin", "tanh", "relu", "gelu")


@dataclass(frozen=True)
class TTLayer:
    """A tensor-train layer, an electronic bias and nonlinearity behind it.

    Core k has shape (r_{k-1}, m_k, n_k, r_k) and is unfolded to (r_{k-1} m_k) x (n_k r_k), the matrix
    that optical meshes realise [zhao2023tonn]:
    ``y[i_1 .. i_d] = activation(sum over j, r of prod_k core_k x[j_1 .. j_d] + bias)``.

    Attributes:
        out_modes: (m_1 .. m_d), their product is the number of outputs.
        in_modes: (n_1 .. n_d), their product is the number of inputs.
        ranks: (r_0 .. r_d) with r_0 = r_d = 1.
        activation: electronic nonlinearity.
        domain: "phase": cores are blocks ``U diag(s) V`` of meshes, set by phases. "weight": cores
            are digital numbers, the baseline without optics. "microring": the one core of a dense layer
            is made of rows of rings on common wavelengths, ``s_max`` times weights from -1 to 1.
        core_size: k of the k x k blocks that an unfolded core is padded to.
        s_max: largest singular value of a block, ``s = s_max cos(phi)``; the part above 1 is
            electronic gain, since a passive mesh cannot amplify. None takes the value with which
            random phases preserve the variance of a signal, and for microrings three standard deviations.
        gain: electronic gain of the whole layer, between detectors and bias: sharp solutions need
            slopes that passive optics do not have.
        trainable_gain: make the gain a digital control, which starts from `gain`.
        full_scale: range of the readout behind the gain, in units of the layer's output; the
            reference of readout noise.
        initial_bias_std: standard deviation of the biases that training starts from.
        weight_bits: in the weight domain, cores and biases are integers of so many bits times a step;
            None for real numbers.
        weight_range: largest such number, in units of the group's scale; larger settings saturate.
        rings: of a microring layer.
    """

    out_modes: tuple[int, ...]
    in_modes: tuple[int, ...]
    ranks: tuple[int, ...]
    activation: Activation = "sin"
    domain: Domain = "phase"
    core_size: int = 8
    s_max: float | None = None
    gain: float = 1.0
    trainable_gain: bool = False
    full_scale: float = 1.0
    initial_bias_std: float = 1.0
    weight_bits: int | None = None
    weight_range: float = 6.0
    rings: RingRows = field(default_factory=RingRows)

    def __post_init__(self) -> None:
        d = len(self.out_modes)
        if d < 1 or len(self.in_modes) != d or len(self.ranks) != d + 1:
            raise PhotonicsError(
                f"TT layer: {d} out_modes, {len(self.in_modes)} in_modes, {len(self.ranks)} ranks; "
                "allowed: d, d and d + 1 of them with d >= 1"
            )
        if min(self.out_modes + self.in_modes + self.ranks) < 1:
            raise PhotonicsError(
                f"TT layer: modes {self.out_modes} x {self.in_modes}, ranks {self.ranks}; allowed: >= 1"
            )
        if self.ranks[0] != 1 or self.ranks[-1] != 1:
            raise PhotonicsError(f"TT layer: ranks {self.ranks}; allowed: first and last are 1")
        if self.activation not in ACTIVATIONS:
            raise PhotonicsError(
                f"TT layer: activation {self.activation!r}; allowed: {', '.join(ACTIVATIONS)}"
            )
        if self.domain not in ("phase", "weight", "microring"):
            raise PhotonicsError(f"TT layer: domain {self.domain!r}; allowed: phase, weight, microring")
        if self.domain == "microring" and d > 1:
            raise PhotonicsError(
                f"TT layer: {d} cores of microrings; allowed: 1, detectors stand behind every row"
            )
        if self.core_size < 2:
            raise PhotonicsError(f"TT layer: core_size {self.core_size}; allowed: >= 2")
        for name, value in (
            ("s_max", self.largest_singular_value),
            ("gain", self.gain),
            ("full_scale", self.full_scale),
            ("weight_range", self.weight_range),
        ):
            if not (math.isfinite(value) and value > 0):
                raise PhotonicsError(f"TT layer: {name} {value}; allowed: > 0")
        if not (math.isfinite(self.initial_bias_std) and self.initial_bias_std >= 0):
            raise PhotonicsError(f"TT layer: initial_bias_std {self.initial_bias_std}; allowed: >= 0")
        if self.weight_bits is not None:
            if self.domain != "weight":
                raise PhotonicsError(f"TT layer: weight_bits with domain {self.domain!r}; allowed: weight")
            if not 2 <= self.weight_bits <= 16:
                raise PhotonicsError(f"TT layer: weight_bits {self.weight_bits}; allowed: 2 to 16")

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return math.prod(self.in_modes)

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return math.prod(self.out_modes)

    @property
    def core_shapes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every unfolded core, (r_{k-1} m_k, n_k r_k)."""
        r = self.ranks
        return tuple(
            (r[k] * m, n * r[k + 1])
            for k, (m, n) in enumerate(zip(self.out_modes, self.in_modes, strict=True))
        )

    @property
    def block_grids(self) -> tuple[tuple[int, int], ...]:
        """Blocks of `core_size` that cover every core, (down, across)."""
        k = self.core_size
        return tuple((-(-rows // k), -(-columns // k)) for rows, columns in self.core_shapes)

    @property
    def largest_code(self) -> int | None:
        """Integer weights go from minus to plus this; None for real numbers."""
        return None if self.weight_bits is None else 2 ** (self.weight_bits - 1) - 1

    @property
    def initial_std(self) -> float:
        """Standard deviation of core entries with which an output has the variance of an input.

        An output sums ``prod n_k prod r_k`` products of d independent entries and an input.
        """
        terms = math.prod(self.in_modes) * math.prod(self.ranks)
        return terms ** (-0.5 / len(self.in_modes))

    @property
    def largest_singular_value(self) -> float:
        """s_max of every block.

        By default sqrt(2 k) sigma: with uniformly random phases, which is where fabrication leaves
        them, the mean of s^2 is then k sigma^2, that of a k x k Gaussian matrix whose entries have the
        variance-preserving standard deviation sigma.
        """
        if self.s_max is not None:
            return self.s_max
        if self.domain == "microring":
            return 3.0 * self.initial_std
        return math.sqrt(2.0 * self.core_size) * self.initial_std

    @property
    def n_mesh_mzi(self) -> int:
        """MZIs of the U and V meshes of one copy of the layer, 0 without meshes."""
        if self.domain != "phase":
            return 0
        k = self.core_size
        return sum(a * b for a, b in self.block_grids) * k * (k - 1)


def dense_layer(
    n_out: int,
    n_in: int,
    activation: Activation = "sin",
    domain: Domain = "phase",
    *,
    core_size: int = 8,
    s_max: float | None = None,
    gain: float = 1.0,
) -> TTLayer:
    """A dense layer: one core, a tensor train of length one.

    In the phase domain the m x n matrix is padded to blocks of `core_size`, each ``U diag(s) V``; a
    `core_size` of max(m, n) makes it one SVD layer of two large meshes. Of microrings it is m rows of n.
    """
    return TTLayer((n_out,), (n_in,), (1, 1), activation, domain, core_size=core_size, s_max=s_max, gain=gain)


@dataclass(frozen=True)
class NetworkDesign:
    """Layers, and behind them a digital linear readout or nothing.

    Attributes:
        name: what the command calls it.
        description: one line for `photonzero list`.
        layers: from the input on.
        n_out: outputs of the readout; without one those of the last layer.
        n_inputs: inputs presented; the first layer's further inputs are dark. None for all of them.
        readout: whether a digital linear readout ends the network. Without it the last layer's
            outputs are the chip's.
    """

    name: str
    description: str
    layers: tuple[TTLayer, ...]
    n_out: int = 1
    n_inputs: int | None = None
    readout: bool = True

    def __post_init__(self) -> None:
        if not self.layers or self.n_out < 1:
            raise PhotonicsError(f"design {self.name}: allowed: at least one layer and one output")
        if self.n_inputs is not None and not 1 <= self.n_inputs <= self.layers[0].n_in:
            raise PhotonicsError(
                f"design {self.name}: n_inputs {self.n_inputs}; allowed: 1 to {self.layers[0].n_in}"
            )
        if not self.readout and self.n_out != self.layers[-1].n_out:
            raise PhotonicsError(
                f"design {self.name}: n_out {self.n_out} without a readout; "
                f"allowed: {self.layers[-1].n_out}, as the last layer has"
            )
        for k, (a, b) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if a.n_out != b.n_in:
                raise PhotonicsError(
                    f"design {self.name}: layer {k + 1} has {a.n_out} outputs, "
                    f"layer {k + 2} has {b.n_in} inputs; allowed: equal"
                )

    @property
    def n_in(self) -> int:
        """Number of inputs presented."""
        return self.layers[0].n_in if self.n_inputs is None else self.n_inputs

    @property
    def n_features(self) -> int:
        """Numbers that the readout combines: the outputs of the last layer."""
        return self.layers[-1].n_out

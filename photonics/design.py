"""Network designs: what is to be fabricated, before any imperfection.

A design is data. `photonzero.photonics.chip.fabricate` turns it, with a noise model and a seed, into a chip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from photonzero.photonics.cores import Core, Meshes
from photonzero.photonics.errors import PhotonicsError
from photonzero.registry import is_file_name

Activation: TypeAlias = Literal["identity", "sin", "tanh", "relu", "gelu"]

ACTIVATIONS: tuple[Activation, ...] = ("identity", "sin", "tanh", "relu", "gelu")

_WIDEST = 2**24
"""Inputs or outputs of a layer at most: a vector of them is still held easily."""


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
        core: what the cores are made of: `Meshes`, `Numbers`, `Rings`, or another kind.
        gain: electronic gain of the whole layer, between detectors and bias: sharp solutions need
            slopes that passive optics do not have.
        trainable_gain: make the gain a digital control, which starts from `gain`.
        full_scale: range of the readout behind the gain, in units of the layer's output; the
            reference of readout noise.
        initial_bias_std: standard deviation of the biases that training starts from.
    """

    out_modes: tuple[int, ...]
    in_modes: tuple[int, ...]
    ranks: tuple[int, ...]
    activation: Activation = "sin"
    core: Core = field(default_factory=Meshes)
    gain: float = 1.0
    trainable_gain: bool = False
    full_scale: float = 1.0
    initial_bias_std: float = 1.0

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
        if not isinstance(self.core, Core):
            kinds = ", ".join(Core.kinds().names())
            raise PhotonicsError(f"TT layer: core {self.core!r}; allowed: a kind of core ({kinds})")
        if d > 1 and not self.core.cascades:
            raise PhotonicsError(
                f"TT layer: {d} cores of {self.core.kind}; allowed: 1, detectors stand behind every row"
            )
        for name, value in (("gain", self.gain), ("full_scale", self.full_scale)):
            if not 1e-6 <= value <= 1e6:
                raise PhotonicsError(f"TT layer: {name} {value}; allowed: 1e-6 to 1e6")
        if not 0 <= self.initial_bias_std <= 1e6:
            raise PhotonicsError(f"TT layer: initial_bias_std {self.initial_bias_std}; allowed: 0 to 1e6")

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
    def initial_std(self) -> float:
        """Standard deviation of core entries with which an output has the variance of an input.

        An output sums ``prod n_k prod r_k`` products of d independent entries and an input.
        """
        terms = math.prod(self.in_modes) * math.prod(self.ranks)
        return terms ** (-0.5 / len(self.in_modes))

    @property
    def largest_singular_value(self) -> float:
        """Largest one that a core can be set to; infinite where nothing limits it."""
        return self.core.limit(self.initial_std)

    @property
    def n_mesh_mzi(self) -> int:
        """MZIs of the meshes of one copy of the layer, 0 without meshes."""
        return sum(self.core.n_mzi(*shape) for shape in self.core_shapes)


def dense_layer(
    n_out: int, n_in: int, activation: Activation = "sin", core: Core | None = None, gain: float = 1.0
) -> TTLayer:
    """A dense layer: one core, a tensor train of length one.

    Of meshes the m x n matrix is padded to blocks of their size, each ``U diag(s) V``; a size of max(m, n)
    makes it one SVD layer of two large meshes. Of rings it is m rows of n.
    """
    return TTLayer((n_out,), (n_in,), (1, 1), activation, core or Meshes(), gain=gain)


_OLD_FIELDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "phase": ("meshes", {"core_size": "size", "s_max": "s_max"}),
    "weight": ("numbers", {"weight_bits": "bits", "weight_range": "range"}),
    "microring": ("rings", {"rings": "", "s_max": "s_max"}),
}
"""What fields of a layer were called before cores had kinds: by its domain, with their names of today."""


def modern_layer(table: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's table as files have it today, from one of any age.

    Until cores had kinds, the fields of all of them stood side by side in a layer, and `domain` said which
    of them mattered: "phase" is meshes, "weight" numbers, "microring" rings.

    Args:
        table: as read from a file.

    Returns:
        A copy with ``core = {kind = ..}`` in place of such fields; a table without any is only copied.

    Raises:
        PhotonicsError: a domain that never was.
    """
    old = {"domain", *(name for _, names in _OLD_FIELDS.values() for name in names)}
    if "core" in table or not old & set(table):
        return dict(table)
    domain = table.get("domain", "phase")
    if domain not in _OLD_FIELDS:
        raise PhotonicsError(f"TT layer: domain {domain!r}; allowed: core = {{kind = ..}} in its place")
    if domain != "weight" and table.get("weight_bits") is not None:
        raise PhotonicsError(f"TT layer: weight_bits with domain {domain!r}; allowed: weight")
    kind, names = _OLD_FIELDS[domain]
    core: dict[str, Any] = {"kind": kind}
    for name, today in names.items():
        if table.get(name) is not None:
            core |= {today: table[name]} if today else dict(table[name])
    return {**{key: value for key, value in table.items() if key not in old}, "core": core}


def modern_design(table: Mapping[str, Any]) -> dict[str, Any]:
    """A design's table as files have it today, from one of any age: see `modern_layer`."""
    layers = table.get("layers")
    if not isinstance(layers, list):
        return dict(table)
    modern = [modern_layer(layer) if isinstance(layer, Mapping) else layer for layer in layers]
    return {**table, "layers": modern}


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
        widest = max(self.n_out, *(size for layer in self.layers for size in (layer.n_in, layer.n_out)))
        if widest > _WIDEST:
            raise PhotonicsError(f"design {self.name}: {widest} inputs or outputs; allowed: up to {_WIDEST}")
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

    def to_table(self) -> dict[str, Any]:
        """Nested dictionary, as a TOML file has it; None is left out."""
        layers = [{**asdict(layer), "core": layer.core.to_table()} for layer in self.layers]
        table = {**asdict(self), "layers": layers}
        return {key: value for key, value in table.items() if value is not None}

    @property
    def user_files(self) -> tuple[str, ...]:
        """What of it stands in files of the user's: names of kinds of core and of topologies."""
        names = (name for layer in self.layers for name in (layer.core.kind, *layer.core.names))
        return tuple(dict.fromkeys(name for name in names if is_file_name(name)))

    @property
    def n_features(self) -> int:
        """Numbers that the readout combines: the outputs of the last layer."""
        return self.layers[-1].n_out

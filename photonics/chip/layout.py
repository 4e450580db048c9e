"""From a design to indices: where each control sits, and the tables the kernel reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices.converter import Adc
from photonzero.photonics.controls import ControlGroup, CoreFormat, LayerFormat
from photonzero.photonics.cores import Core, Part
from photonzero.photonics.design import ACTIVATIONS, NetworkDesign, TTLayer
from photonzero.photonics.kernels import contraction

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_ACTIVATION_CODES = {
    "identity": contraction.IDENTITY,
    "sin": contraction.SIN,
    "tanh": contraction.TANH,
    "relu": contraction.RELU,
    "gelu": contraction.GELU,
}
assert set(_ACTIVATION_CODES) == set(ACTIVATIONS)


@dataclass(frozen=True)
class CoreLayout:
    """One unfolded core: its controls and its place among the weights.

    Attributes:
        kind: what it is made of.
        std: standard deviation of its entries that keeps the variance of a signal.
        shape: r_{k-1}, m_k, n_k, r_k; the unfolded core has r_{k-1} m_k rows and n_k r_k columns.
        weight: index of its first weight.
        quadratures: numbers a field is carried by into and out of the core, see `lay_out`.
        parts: for every part of its kind the controls, (copies, n).
    """

    kind: Core
    std: float
    shape: tuple[int, int, int, int]
    weight: int
    quadratures: tuple[int, int]
    parts: tuple[IntArray, ...]

    @property
    def controls(self) -> IntArray:
        """All that set it, (n,)."""
        return np.concatenate([part.ravel() for part in self.parts])

    @property
    def rows(self) -> int:
        """r_{k-1} m_k."""
        return self.shape[0] * self.shape[1]

    @property
    def columns(self) -> int:
        """n_k r_k."""
        return self.shape[2] * self.shape[3]

    @property
    def stage_rows(self) -> int:
        """Rows the kernel sees."""
        return self.rows * self.quadratures[1]

    @property
    def stage_columns(self) -> int:
        """Columns the kernel sees."""
        return self.columns * self.quadratures[0]

    @property
    def n_weights(self) -> int:
        """Numbers the kernel reads of it."""
        return self.stage_rows * self.stage_columns


@dataclass(frozen=True)
class NetworkLayout:
    """All indices of a design.

    Attributes:
        groups: named control groups, in order, covering the control vector.
        cores: per layer, per core.
        bias: (n_biases,) controls of the biases of all layers and of the readout.
        readout: (n_out * n_features,) controls of the readout weights; empty without a readout.
        readout_weight: index of the first readout weight.
        gains: per layer, the control of its gain, -1 where it is fixed.
        n_controls: length of a control vector.
        n_weights: length of a weight vector.
        layer_table: (n_layers, 6) for the kernel, and one row more for a readout.
        stage_table: (n_stages, 5) for the kernel.
        mesh_position: (n_phases, 3) of every phase: number of its mesh, layer and row in it.
        phase: (n_phases,) controls that are phases.
        is_singular: (n_phases,) whether the phase sets a singular value.
        integer: controls that are integers times a step: start, stop, step, largest integer.
        is_drive: (n_phases,) whether it is the drive of a ring, which saturates instead of turning.
    """

    groups: dict[str, ControlGroup]
    cores: tuple[tuple[CoreLayout, ...], ...]
    bias: IntArray
    readout: IntArray
    readout_weight: int
    gains: tuple[int, ...]
    n_controls: int
    n_weights: int
    layer_table: IntArray
    stage_table: IntArray
    mesh_position: IntArray
    phase: IntArray
    is_singular: npt.NDArray[np.bool_]
    integer: tuple[tuple[int, int, float, int], ...]
    is_drive: npt.NDArray[np.bool_]

    @property
    def phase_groups(self) -> tuple[list[str], IntArray]:
        """Names of the groups that have phases, and the place (n_phases,) of each phase's among them."""
        first = {group.start: name for name, group in self.groups.items() if group.stop > group.start}
        starts = np.array(sorted(first))
        places, group = np.unique(np.searchsorted(starts, self.phase, side="right") - 1, return_inverse=True)
        return [first[int(starts[place])] for place in places], group

    @property
    def all_cores(self) -> Iterator[CoreLayout]:
        """Those of all layers, from the first one on."""
        return itertools.chain.from_iterable(self.cores)


def _quadratures(layer: TTLayer, k: int, complex_fields: bool) -> tuple[int, int]:
    """Numbers that carry a field into and out of core k: light meets the last core first."""
    if not (complex_fields and layer.core.carries_fields):
        return 1, 1
    return (1 if k == len(layer.in_modes) - 1 else 2), (1 if k == 0 else 2)


class _Builder:
    """What `lay_out` has gathered so far."""

    def __init__(self, phase_step_rad: float, complex_fields: bool) -> None:
        self.phase_step_rad, self.complex_fields = phase_step_rad, complex_fields
        self.groups: dict[str, ControlGroup] = {}
        self.cores: list[tuple[CoreLayout, ...]] = []
        self.biases: list[IntArray] = []
        self.gains: list[int] = []
        self.layer_rows: list[tuple[int, ...]] = []
        self.stages: list[tuple[int, ...]] = []
        self.n_controls = self.n_weights = self.n_biases = self.n_meshes = 0
        self.positions, self.phases = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
        self.singular, self.drives = [np.zeros(0, bool)], [np.zeros(0, bool)]
        self.integer: list[tuple[int, int, float, int]] = []

    def layer(self, number: int, layer: TTLayer) -> None:
        """Cores, biases and gain of a layer."""
        cores = []
        for c, shape in enumerate(layer.core_shapes):
            parts = tuple(
                self._part(f"layer{number}/core{c}", part, layer) for part in layer.core.parts(*shape)
            )
            modes = (layer.ranks[c], layer.out_modes[c], layer.in_modes[c], layer.ranks[c + 1])
            quadratures = _quadratures(layer, c, self.complex_fields)
            cores.append(CoreLayout(layer.core, layer.initial_std, modes, self.n_weights, quadratures, parts))
            self.n_weights += cores[-1].n_weights
        stages = []
        # Light meets the last core first.
        for c in reversed(range(len(cores))):
            left, right = math.prod(layer.in_modes[:c]), math.prod(layer.out_modes[c + 1 :])
            stages.append((left, cores[c].stage_rows, cores[c].stage_columns, right, cores[c].weight))
        self.cores.append(tuple(cores))
        bias = self.digital(f"layer{number}/bias", layer.n_out, 1.0, layer.core)
        gain = self.digital(f"layer{number}/gain", 1, layer.gain) if layer.trainable_gain else [-1]
        self.gains.append(int(gain[0]))
        self._finish(stages, layer.n_in, _ACTIVATION_CODES[layer.activation], bias)

    def readout(self, n_features: int, n_out: int) -> IntArray:
        """A digital linear readout; its weights, (n_out * n_features,)."""
        weights = self.digital("readout/weight", n_out * n_features, n_features**-0.5)
        bias = self.digital("readout/bias", n_out, 1.0)
        stages = [(1, n_out, n_features, 1, self.n_weights)]
        self._finish(stages, n_features, contraction.IDENTITY, bias)
        return weights

    def _finish(self, stages: list[tuple[int, ...]], n_in: int, activation: int, bias: IntArray) -> None:
        """The rows of a layer in the tables of the kernel."""
        first, n_out = len(self.stages), bias.size
        self.stages += stages
        self.layer_rows.append((first, len(self.stages), n_in, n_out, activation, self.n_biases))
        self.biases.append(bias)
        self.n_biases += n_out

    def _part(self, core: str, part: Part, layer: TTLayer) -> IntArray:
        """Controls of one part of a core, (copies, n)."""
        name = f"{core}/{part.name}" if part.name else core
        if part.element == "number":
            count = math.prod(part.shape)
            return self.digital(name, count, layer.initial_std, layer.core).reshape(part.shape)
        copies, size = part.shape
        start, self.n_controls = self.n_controls, self.n_controls + copies * size
        self.groups[name] = ControlGroup(start, self.n_controls, "phase", self.phase_step_rad, 1.0)
        index = np.arange(start, self.n_controls).reshape(part.shape)
        for controls in index:
            mesh = np.full(size, self.n_meshes)
            self.positions.append(np.stack([mesh, part.column, part.row], axis=1))
            self.phases.append(controls)
            self.singular.append(np.full(size, part.element == "attenuator"))
            self.drives.append(np.full(size, part.element == "drive"))
            self.n_meshes += 1
        return index

    def digital(self, name: str, size: int, scale: float, core: Core | None = None) -> IntArray:
        """Numbers of the electronics; those of a layer whose `core` has integers lie on its grid."""
        start, self.n_controls = self.n_controls, self.n_controls + size
        step = 0.0
        if core is not None and core.largest_code is not None:
            step = core.code_step(scale)
            self.integer.append((start, self.n_controls, step, core.largest_code))
        self.groups[name] = ControlGroup(start, self.n_controls, "digital", step, scale)
        return np.arange(start, self.n_controls)


def lay_out(design: NetworkDesign, phase_step_rad: float, *, complex_fields: bool = False) -> NetworkLayout:
    """Assign controls, weights and biases of a design.

    Order of the controls: layer by layer; in a layer core by core, part by part, then the bias; at the end
    the readout weights and bias.

    Meshes of imperfect couplers have complex transfer matrices. Inputs are real and the receivers read
    real parts, so only between the cores of a layer does a field need two numbers: they are one more
    rank index of two, and the kernel is the same.

    Args:
        design: the network.
        phase_step_rad: grid of the phase DAC, 0 for none [rad].
        complex_fields: carry both quadratures between the optical cores of a layer.
    """
    builder = _Builder(phase_step_rad, complex_fields)
    for number, layer in enumerate(design.layers, start=1):
        builder.layer(number, layer)
    readout = np.zeros(0, np.int64)
    if design.readout:
        readout = builder.readout(design.n_features, design.n_out)
    return NetworkLayout(
        groups=builder.groups,
        cores=tuple(builder.cores),
        bias=np.concatenate(builder.biases),
        readout=readout,
        readout_weight=builder.n_weights,
        gains=tuple(builder.gains),
        n_controls=builder.n_controls,
        n_weights=builder.n_weights + readout.size,
        layer_table=np.array(builder.layer_rows, dtype=np.int64),
        stage_table=np.array(builder.stages, dtype=np.int64),
        mesh_position=np.concatenate(builder.positions),
        phase=np.concatenate(builder.phases),
        is_singular=np.concatenate(builder.singular),
        integer=tuple(builder.integer),
        is_drive=np.concatenate(builder.drives),
    )


def layer_formats(design: NetworkDesign, layout: NetworkLayout, adc: Adc | None) -> tuple[LayerFormat, ...]:
    """Shape and electronics of every layer.

    Args:
        design: the network.
        layout: of it.
        adc: cuts readings off at its range; None reads any.
    """
    formats = []
    for number, (layer, cores) in enumerate(zip(design.layers, layout.cores, strict=True), start=1):
        low, high = layer.core.reach(layer.initial_std)
        places = [core.controls for core in cores]
        formats.append(
            LayerFormat(
                out_modes=layer.out_modes,
                in_modes=layer.in_modes,
                ranks=(*(core.shape[0] * core.quadratures[1] for core in cores), 1),
                activation=layer.activation,
                bias=layout.groups[f"layer{number}/bias"].slice,
                cores=tuple(
                    CoreFormat(slice(int(own[0]), int(own[-1]) + 1), layer.core.response, low, high)
                    for own in places
                ),
                full_scale=math.inf if adc is None else adc.full_scale * layer.full_scale,
            )
        )
    return tuple(formats)


def initial_controls(design: NetworkDesign, layout: NetworkLayout, rng: np.random.Generator) -> FloatArray:
    """Random controls to start training from, (n_controls,).

    Cores are as their kind starts, Gaussian with the variance that keeps signals alive where it can; gains
    are as designed, biases Gaussian as designed; the readout is Gaussian of variance 1 / n_features.

    Args:
        design: the network.
        layout: of it.
        rng: source of the random numbers.
    """
    controls = np.zeros(layout.n_controls)
    for core in layout.all_cores:
        settings = core.kind.initial(core.rows, core.columns, core.std, rng)
        for part, setting in zip(core.parts, settings, strict=True):
            controls[part] = setting
    stds = [np.full(layer.n_out, layer.initial_bias_std) for layer in design.layers]
    n_readout_biases = layout.bias.size - sum(len(part) for part in stds)
    bias_std = np.concatenate([*stds, np.ones(n_readout_biases)])
    controls[layout.bias] = bias_std * rng.standard_normal(layout.bias.size)
    for layer, gain in zip(design.layers, layout.gains, strict=True):
        if gain >= 0:
            controls[gain] = layer.gain
    if layout.readout.size:
        controls[layout.readout] = rng.standard_normal(layout.readout.size) * layout.readout.size**-0.5
    return controls

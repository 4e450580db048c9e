"""A fabricated chip: a design, its imperfections and a seed. The only forward oracle of the project.

This is the face; behind it stand the modulators (`inputs`), what light meets (`circuit`), what receivers do
(`detection`) and the work itself (`run`). A measurement passes them once each, in that order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero._notebook import html_table
from photonzero.devices.noise_model import PRESETS, NoiseModel
from photonzero.photonics.chip.circuit import Circuit
from photonzero.photonics.chip.detection import detection_table
from photonzero.photonics.chip.inputs import Inputs, Modulators, Presented, checked_settings
from photonzero.photonics.chip.layout import initial_controls, layer_formats
from photonzero.photonics.chip.run import Network, Programmed, derive_key, electronics, run, run_jittering
from photonzero.photonics.controls import ControlGroup, LayerFormat
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels import contraction
from photonzero.photonics.threads import available_threads

FloatArray = npt.NDArray[np.float64]
RealArray = npt.NDArray[Any]

_ROLES = {
    "fabrication": 0, "dynamic": 1, "couplers": 2, "drift": 3, "losses": 4, "wavelength": 5, "own parts": 6,
    "groups": 7,
}  # fmt: skip
"""What a chip draws random numbers for, and the place of each stream below the seed. A new role takes the
next number, so that the streams of the others stay as they are."""


@dataclass(frozen=True)
class _Begun:
    """A measurement that has begun.

    Attributes:
        realised: (P, n_controls) what the settings came to.
        key: of its noise.
    """

    realised: FloatArray
    key: int


class Chip:
    """A simulated chip; make one with `fabricate`.

    It answers measurements; as an oracle it shows nothing else: no gradient, no unitary, no error.

    Attributes:
        design: what was fabricated.
        noise: its kinds of imperfection.
        seed: its own imperfections and its noise.
        dtype: float32 or float64, the arithmetic of the simulation.
        threads: threads a measurement uses; the answer does not depend on it.
        circuit: what light meets, for analysis and for mapping with known errors; a real chip has no such
            attribute, and training never looks at it.
    """

    def __init__(
        self, design: NetworkDesign, noise: NoiseModel, seed: int, dtype: npt.DTypeLike, threads: int
    ) -> None:
        self.design, self.noise, self.seed, self.threads = design, noise, seed, threads
        self.dtype = np.dtype(dtype)
        streams = {role: np.random.SeedSequence(seed, spawn_key=(k,)) for role, k in _ROLES.items()}
        self.circuit = Circuit(design, noise, streams)
        layout = self._layout = self.circuit.layout
        detect = detection_table(design, noise).astype(self.dtype)
        self._network = Network(layout.layer_table, layout.stage_table, detect[: len(layout.layer_table)])
        self._noise_key = int(streams["dynamic"].generate_state(1, np.uint64)[0])
        self._n_measurements = 0

    def __repr__(self) -> str:
        noise = next((name for name, model in PRESETS.items() if model == self.noise), "of its own")
        return (
            f"{type(self).__name__}(design {self.design.name!r}, noise {noise}, seed {self.seed}, "
            f"{self.n_controls:,} controls)"
        )

    def _repr_html_(self) -> str:
        groups = self.control_groups.values()
        n_phases = sum(group.stop - group.start for group in groups if group.kind == "phase")
        return html_table(
            {
                "design": f"{self.design.name}: {self.design.description}",
                "noise": self.noise.describe(),
                "seed": self.seed,
                "controls": f"{self.n_controls:,}, {n_phases:,} of them phases",
                "inputs, outputs": f"{self.design.n_in}, {self.design.n_out}",
            }
        )

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        return self._layout.n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroup]:
        """Named groups: "layer1/core0/U" (phases), "layer1/bias", "readout/weight" (digital)."""
        return self._layout.groups

    def measure(self, controls: npt.ArrayLike, inputs: Inputs) -> RealArray:
        """Program P settings one after the other and present every input to each.

        Args:
            controls: (P, n_controls), or one setting (n_controls,); phases [rad], digital numbers.
            inputs: (N, n_in), or a stencil of B centres and K offsets, N = B * K, offsets fastest.

        Returns:
            (P, N, n_out) outputs of the readout, of type `dtype`; (N, n_out) for one setting.

        Raises:
            PhotonicsError: wrong shapes, NaN or infinity.
        """
        presented = self._modulators(0, self.design.n_in).present(inputs)
        return self._measure(controls, presented, slice(0, len(self._network.layers)))

    @property
    def layers(self) -> tuple[LayerFormat, ...]:
        """Shape and electronics of every layer, from the input on, as whoever built the chip knows them."""
        return layer_formats(self.design, self._layout, self.noise.adc)

    @property
    def largest_input(self) -> float:
        """What modulators can present, from minus to plus this; infinite without a converter."""
        return self._modulators(0, self.design.n_in).full_scale

    def measure_layer(self, layer: int, controls: npt.ArrayLike, vectors: Inputs) -> RealArray:
        """Drive one layer through its own modulators and read its own detectors, before bias and activation.

        All that happens to its readings in a whole pass happens to these: noise, gain, converters, phases
        that err, drift and jitter.

        Args:
            layer: number, from 0 on.
            controls: (P, n_controls), or one setting (n_controls,).
            vectors: (B, n_in) of the layer, all of its modulators.

        Returns:
            (P, B, n_out) readings, of type `dtype`; (B, n_out) for one setting.

        Raises:
            PhotonicsError: no such layer, wrong shapes, NaN or infinity.
            DeviceError: a number beyond `largest_input`.
        """
        if layer not in range(len(self.design.layers)):
            raise PhotonicsError(f"layer: {layer}; allowed: 0 to {len(self.design.layers) - 1}")
        presented = self._modulators(layer, self.design.layers[layer].n_in).present(vectors)
        return self._measure(controls, presented, slice(layer, layer + 1), readings=True)

    def measure_layers(self, controls: npt.ArrayLike, inputs: Inputs) -> list[RealArray]:
        """Present inputs to the chip, and read the detectors of every layer as they pass.

        Each input passes once: what a layer is presented is what the electronics made of the readings of the
        one before, with their noise.

        Args:
            controls: (P, n_controls).
            inputs: (N, n_in).

        Returns:
            Readings (P, N, n_out) of type `dtype`, layer by layer, before bias and activation.

        Raises:
            PhotonicsError: as of `measure`.
        """
        settings = checked_settings(controls, self.n_controls, self.dtype)
        first = self._modulators(0, self.design.n_in).present(inputs)
        begun = self._begun(settings, first.n_points)
        n_layers = len(self.design.layers)
        shapes = [(len(settings), first.n_points, layer.n_out) for layer in self.design.layers]
        readings = [np.empty(shape, self.dtype) for shape in shapes]
        for p in range(len(settings)):
            here, biases = first, begun.realised[p, self._layout.bias].astype(self.dtype)
            for k in range(n_layers):
                own = _Begun(begun.realised[p : p + 1], derive_key(derive_key(begun.key, p), k))
                readings[k][p] = self._passed(own, here, slice(k, k + 1), readings=True)[0]
                if k + 1 < n_layers:
                    here = Presented(electronics(self._network, k, biases, readings[k][p]))
        return readings

    def wait(self, elapsed_s: float) -> None:
        """Let time pass without a measurement: phases and laser drift.

        Args:
            elapsed_s: >= 0 [s].

        Raises:
            PhotonicsError: negative or infinite time.
        """
        if not 0.0 <= elapsed_s < math.inf:
            raise PhotonicsError(f"elapsed_s: {elapsed_s}; allowed: >= 0 and finite")
        self.circuit.wait(elapsed_s, np.random.default_rng(derive_key(self._noise_key, self._n_measurements)))
        self._n_measurements += 1

    def measure_last_layer(self, controls: npt.ArrayLike, inputs: Inputs) -> RealArray:
        """Present inputs to the chip, and read the detectors of its last layer, before bias and activation.

        Args:
            controls: (P, n_controls), or one setting (n_controls,).
            inputs: (N, n_in).

        Returns:
            (P, N, n_out) readings, of type `dtype`; (N, n_out) for one setting.

        Raises:
            PhotonicsError: as of `measure`.
        """
        presented = self._modulators(0, self.design.n_in).present(inputs)
        return self._measure(controls, presented, slice(0, len(self.design.layers)), readings=True)

    def state(self) -> dict[str, Any]:
        """What a later measurement depends on besides its arguments, as plain numbers and lists."""
        return {"n_measurements": self._n_measurements, **self.circuit.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the measurements that `state` was taken after.

        Raises:
            PhotonicsError: the state of another chip.
        """
        self.circuit.restore(state)
        self._n_measurements = int(state["n_measurements"])

    def initial_controls(self, rng: np.random.Generator) -> FloatArray:
        """Random controls to start training from, (n_controls,); see `layout.initial_controls`."""
        return initial_controls(self.design, self._layout, rng)

    def _measure(
        self, controls: npt.ArrayLike, presented: Presented, layers: slice, *, readings: bool = False
    ) -> RealArray:
        """Inputs through some of the layers; the digital readout counts as the one behind the last.

        Args:
            controls: as of `measure`.
            presented: what the first of these layers meets.
            layers: to run through.
            readings: end at the last detectors instead of behind their electronics.
        """
        settings = checked_settings(controls, self.n_controls, self.dtype)
        out = self._passed(self._begun(settings, presented.n_points), presented, layers, readings=readings)
        return out if np.ndim(controls) == 2 else out[0]

    def _begun(self, settings: FloatArray, n_points: int) -> _Begun:
        """The next measurement: settings realised for so many inputs each."""
        key = derive_key(self._noise_key, self._n_measurements)
        self._n_measurements += 1
        return _Begun(self.circuit.program(settings, n_points, np.random.default_rng(key)), key)

    def _passed(self, begun: _Begun, presented: Presented, layers: slice, *, readings: bool) -> RealArray:
        """What comes out of some of the layers, (P, N, any); see `_measure`."""
        realised, key = begun.realised, begun.key
        network, jitter = self._network.part(layers, readings=readings), self.noise.phase_jitter
        last = network.layers[-1, contraction.LAYER_BIAS]
        last_biases = slice(last, last + network.n_out)

        def programmed(realised: FloatArray) -> Programmed:
            weights, biases = self.circuit.weights(realised, layers)
            with np.errstate(over="ignore"):
                own = Programmed(weights.astype(self.dtype), biases.astype(self.dtype))
            return own.without_biases(last_biases) if readings else own

        def jittered(p: int, n: int, rng: np.random.Generator) -> Programmed:
            return programmed(self.circuit.jittered(realised[p], n, rng))

        if jitter.std_rad > 0:
            size, hold = len(realised), jitter.hold_inferences
            out = run_jittering(network, size, jittered, presented, key, self.threads, hold)
        else:
            out = run(network, programmed(realised), presented, key, self.threads)
        if not np.isfinite(out).all():
            raise PhotonicsError(
                f"measure: a number beyond {self.dtype}; allowed: inputs, controls and losses that leave "
                "every reading finite"
            )
        return out

    def _modulators(self, layer: int, n_inputs: int) -> Modulators:
        n_modes = self.design.layers[layer].n_in
        keeps_stencils = self.noise.phase_jitter.std_rad == 0
        return Modulators(n_inputs, n_modes, self.noise.input_dac, keeps_stencils, self.dtype)


class ReadoutChip(Chip):
    """A chip that ends with a digital linear readout, and shows what its last detectors read.

    Its derivatives by the readout are known exactly, see `photonzero.training.oracle.ReadoutOracle`.
    """

    @property
    def readout_weight(self) -> slice:
        """Place of the readout weights (n_out, n_features), row after row, in the control vector."""
        return self._layout.groups["readout/weight"].slice

    @property
    def readout_bias(self) -> slice:
        """Place of the readout biases in the control vector."""
        return self._layout.groups["readout/bias"].slice

    def measure_features(self, controls: npt.ArrayLike, inputs: Inputs) -> RealArray:
        """As `measure`, but what the electronics hold before the digital readout, (P, N, n_features).

        The readout after it is known exactly: ``outputs = features @ readout_weight.T + readout_bias``.
        """
        presented = self._modulators(0, self.design.n_in).present(inputs)
        return self._measure(controls, presented, slice(0, len(self.design.layers)))


def fabricate(
    design: NetworkDesign,
    noise: NoiseModel,
    seed: int,
    *,
    dtype: npt.DTypeLike = np.float32,
    threads: int | None = None,
) -> Chip:
    """Fabricate a chip: draw its static errors once, from its seed.

    Args:
        design: the network.
        noise: imperfections.
        seed: >= 0; equal seeds make equal chips.
        dtype: float32, or float64 at half the speed.
        threads: threads of a measurement; None uses all processors. No effect on the answer.

    Raises:
        PhotonicsError: a bad seed, dtype or number of threads.
    """
    if seed < 0:
        raise PhotonicsError(f"seed: {seed}; allowed: >= 0")
    if np.dtype(dtype) not in contraction.TILE_WIDTH:
        raise PhotonicsError(f"dtype: {np.dtype(dtype)}; allowed: float32, float64")
    if threads is not None and threads < 1:
        raise PhotonicsError(f"threads: {threads}; allowed: >= 1")
    kind = ReadoutChip if design.readout else Chip
    return kind(design, noise, seed, dtype, threads or available_threads())

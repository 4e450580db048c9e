"""A fabricated chip: a design, its imperfections and a seed. The only forward oracle of the project."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.chip.circuit import Circuit
from photonzero.photonics.chip.detection import detection_table
from photonzero.photonics.controls import ControlGroup
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels import contraction, population
from photonzero.photonics.kernels.normals import mix64

FloatArray = npt.NDArray[np.float64]
RealArray: TypeAlias = npt.NDArray[Any]
T = TypeVar("T")

_POINTS_PER_JOB = 8192
_CENTERS_PER_JOB = 32
_HOLDS_PER_JOB = 64
_SETTINGS_PER_JOB = 128
"""Inputs of one candidate that one job works through, and centres of a large stencil, whose first layer
is evaluated again in every job: long enough to hide that, short enough to share among threads, and
fixed, because noise is keyed by the job. Where phases jitter, settings that one job builds. Last, settings
of one job that share what they have in common."""


class StencilLike(Protocol):
    """Inputs kept as centres and offsets; `photonzero.training.oracle.Stencil` is one."""

    @property
    def centers(self) -> RealArray:
        """(B, d)."""
        ...

    @property
    def offsets(self) -> RealArray:
        """(K, d)."""
        ...


def _derive_key(key: int, index: int) -> int:
    """Noise key number `index` below `key`; unequal indices give unrelated streams."""
    return int(mix64(np.uint64(mix64(np.uint64(key))) ^ np.uint64(index)))


def available_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        self,
        design: NetworkDesign,
        noise: NoiseModel,
        seed: int,
        dtype: npt.DTypeLike,
        threads: int,
    ) -> None:
        self.design = design
        self.noise = noise
        self.seed = seed
        self.dtype = np.dtype(dtype)
        self.threads = threads
        fabrication, dynamic, couplers, drift = np.random.SeedSequence(seed).spawn(4)
        self.circuit = Circuit(design, noise, *map(np.random.default_rng, (fabrication, couplers, drift)))
        self._layout = self.circuit.layout
        self._noise_key = int(dynamic.generate_state(1, np.uint64)[0])
        self._n_measurements = 0
        self._detect = detection_table(design, noise).astype(self.dtype)

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        return self._layout.n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroup]:
        """Named groups: "layer1/core0/U" (phases), "layer1/bias", "readout/weight" (digital)."""
        return self._layout.groups

    def measure(self, controls: RealArray, inputs: RealArray | StencilLike) -> RealArray:
        """Program P settings one after the other and present every input to each.

        Args:
            controls: (P, n_controls); phases [rad], digital numbers.
            inputs: (N, n_in), or a stencil of B centres and K offsets, N = B * K, offsets fastest.

        Returns:
            (P, N, n_out) outputs of the readout, of type `dtype`.

        Raises:
            PhotonicsError: wrong shapes, NaN or infinity.
        """
        return self._measure(controls, inputs, self._layout.layer_table)

    def state(self) -> dict[str, Any]:
        """What a later measurement depends on besides its arguments, as plain numbers and lists."""
        state: dict[str, Any] = {"n_measurements": self._n_measurements}
        if self.circuit.drift_rad.size:
            state["drift_rad"] = self.circuit.drift_rad.tolist()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the measurements that `state` was taken after.

        Raises:
            PhotonicsError: the state of another chip.
        """
        drift_rad = np.array(state.get("drift_rad", ()), dtype=np.float64)
        if drift_rad.shape != self.circuit.drift_rad.shape:
            n_needs = self.circuit.drift_rad.size
            raise PhotonicsError(f"chip state: {drift_rad.size} drifting phases; allowed: {n_needs}")
        self._n_measurements = int(state["n_measurements"])
        self.circuit.drift_rad = drift_rad

    def initial_controls(self, rng: np.random.Generator) -> FloatArray:
        """Random controls to start training from, (n_controls,).

        Cores are Gaussian with the variance that keeps signals alive, decomposed into the phases that
        an ideal chip would need, singular values above s_max cut to it; gains are as designed, biases
        Gaussian as designed; the readout is Gaussian of variance 1 / n_features.
        """
        controls = np.zeros(self.n_controls)
        for layer, cores in zip(self.design.layers, self._layout.cores, strict=True):
            for core in cores:
                settings = layer.core.initial(core.rows, core.columns, layer.initial_std, rng)
                for part, setting in zip(core.parts, settings, strict=True):
                    controls[part] = setting
        stds = [np.full(layer.n_out, layer.initial_bias_std) for layer in self.design.layers]
        n_readout_biases = self._layout.bias.size - sum(len(part) for part in stds)
        bias_std = np.concatenate([*stds, np.ones(n_readout_biases)])
        controls[self._layout.bias] = bias_std * rng.standard_normal(self._layout.bias.size)
        for layer, gain in zip(self.design.layers, self._layout.gains, strict=True):
            if gain >= 0:
                controls[gain] = layer.gain
        n_readout = self._layout.readout.size
        if n_readout:
            controls[self._layout.readout] = rng.standard_normal(n_readout) * n_readout**-0.5
        return controls

    def _measure(
        self,
        controls: RealArray,
        inputs: RealArray | StencilLike,
        layer_table: npt.NDArray[np.int64],
    ) -> RealArray:
        controls = np.asarray(controls, dtype=np.float64)
        if controls.ndim != 2 or controls.shape[1] != self.n_controls or controls.shape[0] == 0:
            raise PhotonicsError(
                f"controls: shape {controls.shape}; allowed: (at least 1, {self.n_controls})"
            )
        if not np.isfinite(controls).all():
            raise PhotonicsError("controls: NaN or infinity; allowed: finite numbers")
        largest, limit = float(np.abs(controls).max()), float(np.finfo(self.dtype.name).max)
        if largest > limit:
            raise PhotonicsError(f"controls: {largest:.3g}; allowed: at most {limit:.3g}, a {self.dtype}")
        points, offsets = self._split_inputs(inputs)
        key = _derive_key(self._noise_key, self._n_measurements)
        self._n_measurements += 1
        n_points = points.shape[0] * (1 if offsets is None else offsets.shape[0])
        realised = self.circuit.program(controls, n_points, np.random.default_rng(key))
        n_out = int(layer_table[-1, contraction.LAYER_N_OUT])
        out = np.empty((controls.shape[0], n_points, n_out), self.dtype)
        jitter = self.noise.phase_jitter
        if jitter.std_rad > 0:
            weights, biases = np.empty(0), np.empty(0)
            rows_per_job = _HOLDS_PER_JOB * jitter.hold_inferences
        else:
            weights, biases = self._weights(realised)
            rows_per_job = _POINTS_PER_JOB
            if offsets is not None:
                rows_per_job = max(_CENTERS_PER_JOB, _POINTS_PER_JOB // offsets.shape[0])
        if offsets is None and jitter.std_rad == 0 and controls.shape[0] > 2:
            first, reference = self._shared(layer_table, weights, biases)
            if first.any():
                self._run_shared(layer_table, weights, biases, key, points, first, reference, out)
                return out
        jobs = [
            (p, start) for p in range(controls.shape[0]) for start in range(0, points.shape[0], rows_per_job)
        ]

        def work(job: tuple[int, int]) -> None:
            p, start = job
            job_key = _derive_key(_derive_key(key, p), start)
            part = points[start : start + rows_per_job]
            if jitter.std_rad > 0:
                self._run_jittered(layer_table, realised[p], job_key, part, out[p, start:])
            else:
                network = (layer_table, weights[p], biases[p], np.uint64(job_key))
                self._run(*network, part, offsets, out[p], start)

        self._do(work, jobs)
        return out

    def _do(self, work: Callable[[T], None], jobs: Sequence[T]) -> None:
        """All jobs, side by side."""
        if self.threads == 1 or len(jobs) == 1:
            for job in jobs:
                work(job)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                for _ in pool.map(work, jobs):
                    pass

    def _shared(
        self, layer_table: npt.NDArray[np.int64], weights: RealArray, biases: RealArray
    ) -> tuple[npt.NDArray[np.int64], tuple[RealArray, RealArray]]:
        """Where each setting begins to differ from what most have in common, and that."""
        reference = (population.common_setting(weights), population.common_setting(biases))
        differs = (weights != reference[0], biases != reference[1])
        stages = self._layout.stage_table
        return population.first_events(layer_table, stages, self._detect, *differs), reference

    def _run_shared(
        self,
        layer_table: npt.NDArray[np.int64],
        weights: RealArray,
        biases: RealArray,
        key: int,
        points: RealArray,
        first: npt.NDArray[np.int64],
        reference: tuple[RealArray, RealArray],
        out: RealArray,
    ) -> None:
        """All settings, several at a time from where they begin to differ."""
        n_settings = weights.shape[0]

        def work(job: tuple[int, int]) -> None:
            p, start = job
            some = slice(p, min(p + _SETTINGS_PER_JOB, n_settings))
            keys = [_derive_key(_derive_key(key, q), start) for q in range(some.start, some.stop)]
            rows = slice(start, start + _POINTS_PER_JOB)
            population.run_population(
                layer_table,
                self._layout.stage_table,
                *reference,
                weights[some],
                biases[some],
                self._detect,
                np.array(keys, dtype=np.uint64),
                first[some],
                points[rows],
                out[some, rows],
            )

        places = range(0, n_settings, _SETTINGS_PER_JOB)
        self._do(work, [(p, start) for p in places for start in range(0, points.shape[0], _POINTS_PER_JOB)])

    def _run_jittered(
        self,
        layer_table: npt.NDArray[np.int64],
        realised: FloatArray,
        key: int,
        points: RealArray,
        out: RealArray,
    ) -> None:
        """One candidate on some of its inputs, with phases that change every few of them."""
        hold = self.noise.phase_jitter.hold_inferences
        starts = range(0, points.shape[0], hold)
        rng = np.random.default_rng(_derive_key(key, 1))
        weights, biases = self._weights(self.circuit.jittered(realised, len(starts), rng))
        for i, start in enumerate(starts):
            network = (layer_table, weights[i], biases[i], np.uint64(_derive_key(key, 2 + i)))
            self._run(*network, points[start : start + hold], None, out, start)

    def _run(
        self,
        layer_table: npt.NDArray[np.int64],
        weights: RealArray,
        biases: RealArray,
        key: np.uint64,
        points: RealArray,
        offsets: RealArray | None,
        out: RealArray,
        start: int,
    ) -> None:
        """One candidate on some of the rows of the inputs."""
        stages = self._layout.stage_table
        nothing = np.zeros((1, 1), self.dtype)
        if offsets is None:
            target = out[start : start + points.shape[0]]
            contraction.run_network(
                layer_table,
                stages,
                weights,
                biases,
                self._detect,
                key,
                0,
                points,
                nothing,
                target,
            )
            return
        # W (x + d) = W x + W d: the first layer sees B + K inputs instead of B * K.
        n_offsets = offsets.shape[0]
        linear = layer_table[:1].copy()
        linear[0, contraction.LAYER_ACTIVATION] = contraction.IDENTITY
        n_first = int(linear[0, contraction.LAYER_N_OUT])
        silent, unbiased = np.zeros_like(self._detect), np.zeros_like(biases)
        center_part = np.empty((points.shape[0], n_first), self.dtype)
        offset_part = np.empty((n_offsets, n_first), self.dtype)
        for rows, part in ((points, center_part), (offsets, offset_part)):
            contraction.run_network(linear, stages, weights, unbiased, silent, key, 0, rows, nothing, part)
        cyclic = np.arange(n_offsets + contraction.TILE_WIDTH[self.dtype]) % n_offsets
        columns = np.ascontiguousarray(offset_part[cyclic].T)
        first = start * n_offsets
        target = out[first : first + points.shape[0] * n_offsets]
        contraction.run_network(
            layer_table,
            stages,
            weights,
            biases,
            self._detect,
            key,
            n_offsets,
            center_part,
            columns,
            target,
        )

    def _split_inputs(self, inputs: RealArray | StencilLike) -> tuple[RealArray, RealArray | None]:
        if isinstance(inputs, np.ndarray):
            parts = {"inputs": inputs}
        elif hasattr(inputs, "centers") and hasattr(inputs, "offsets"):
            parts = {"stencil centers": inputs.centers, "stencil offsets": inputs.offsets}
        else:
            raise PhotonicsError(
                f"inputs: {type(inputs).__name__}; allowed: an array, or centers and offsets"
            )
        for name, value in parts.items():
            if value.ndim != 2 or value.shape[1] != self.design.n_in or value.shape[0] == 0:
                raise PhotonicsError(
                    f"{name}: shape {value.shape}; allowed: (at least 1, {self.design.n_in})"
                )
            if not np.isfinite(value).all():
                raise PhotonicsError(f"{name}: NaN or infinity; allowed: finite numbers")
        dac = self.noise.input_dac
        if len(parts) == 2 and (dac is not None or self.noise.phase_jitter.std_rad > 0):
            # Every point is rounded, or met by phases of its own: the structure of a stencil is no use.
            centers, offsets = parts.values()
            parts = {"inputs": (centers[:, None, :] + offsets).reshape(-1, self.design.n_in)}
        if dac is not None:
            parts = {"inputs": dac.encode(parts["inputs"])}
        arrays = [self._presented(value) for value in parts.values()]
        return arrays[0], arrays[1] if len(arrays) == 2 else None

    def _presented(self, rows: RealArray) -> RealArray:
        """Inputs of the first layer, those that nothing is presented to dark."""
        n_in = self.design.layers[0].n_in
        if rows.shape[1] == n_in:
            return np.ascontiguousarray(rows, dtype=self.dtype)
        presented = np.zeros((rows.shape[0], n_in), self.dtype)
        presented[:, : rows.shape[1]] = rows
        return presented

    def _weights(self, realised: FloatArray) -> tuple[RealArray, RealArray]:
        """Weights and biases of realised settings, in the arithmetic of the simulation."""
        weights, biases = self.circuit.weights(realised)
        return weights.astype(self.dtype), biases.astype(self.dtype)


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

    def measure_features(self, controls: RealArray, inputs: RealArray | StencilLike) -> RealArray:
        """As `measure`, but what the electronics hold before the digital readout, (P, N, n_features).

        The readout after it is known exactly: ``outputs = features @ readout_weight.T + readout_bias``.
        """
        return self._measure(controls, inputs, self._layout.layer_table[:-1])


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

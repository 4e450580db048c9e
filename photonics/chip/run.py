"""Settings on inputs: jobs for threads, a noise key for each, and what settings share computed once.

Every job writes to its own part of the answer and draws its noise by a key of its own, so that neither their
number nor their order changes a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from photonzero.photonics.chip.inputs import Presented
from photonzero.photonics.kernels import contraction, population
from photonzero.photonics.kernels.normals import mix64

IntArray = npt.NDArray[np.int64]
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


def derive_key(key: int, index: int) -> int:
    """Noise key number `index` below `key`; unequal indices give unrelated streams."""
    return int(mix64(np.uint64(mix64(np.uint64(key))) ^ np.uint64(index)))


@dataclass(frozen=True)
class Network:
    """What light runs through: some layers in a row, as tables for the kernel.

    Attributes:
        layers: (n_layers, 6), columns LAYER_* of `photonzero.photonics.kernels.contraction`.
        stages: (n_stages, 5) of these layers, columns STAGE_*.
        detect: (n_layers, N_DETECT), what happens to the readings of each layer.
    """

    layers: IntArray
    stages: IntArray
    detect: RealArray

    @property
    def n_out(self) -> int:
        """Numbers that the last layer answers with."""
        return int(self.layers[-1, contraction.LAYER_N_OUT])

    def part(self, some: slice, *, readings: bool = False) -> Network:
        """Some of the layers: a run that starts before the first of them and stops behind the last.

        Args:
            some: consecutive layers.
            readings: stop at the last detectors and their converters instead, before bias (which the
                settings hold) and activation.
        """
        if not readings and len(self.layers[some]) == len(self.layers):
            return self
        layers = self.layers[some].copy()
        bounds = [contraction.LAYER_STAGE_START, contraction.LAYER_STAGE_STOP]
        first, last = layers[0, bounds[0]], layers[-1, bounds[1]]
        layers[:, bounds] -= first
        detect = self.detect[some]
        if readings:
            layers[-1, contraction.LAYER_ACTIVATION] = contraction.IDENTITY
            detect = detect.copy()
            detect[-1, contraction.DAC_STEP] = 0.0
        return Network(layers, self.stages[first:last], detect)


@dataclass(frozen=True)
class Programmed:
    """What P settings come to: numbers that the kernel multiplies with and adds.

    Attributes:
        weights: (P, n_weights), all cores of all layers.
        biases: (P, n_biases).
    """

    weights: RealArray
    biases: RealArray

    def __len__(self) -> int:
        return len(self.weights)

    def of(self, some: slice) -> Programmed:
        """Some of them."""
        return Programmed(self.weights[some], self.biases[some])

    def in_common(self) -> Programmed:
        """One setting, of what most have in common."""
        weights, biases = population.common_setting(self.weights), population.common_setting(self.biases)
        return Programmed(weights[None], biases[None])

    def without_biases(self, some: slice = slice(None)) -> Programmed:
        """The same cores, some biases zero."""
        biases = self.biases.copy()
        biases[:, some] = 0.0
        return Programmed(self.weights, biases)


def run(network: Network, settings: Programmed, inputs: Presented, key: int, threads: int) -> RealArray:
    """Every setting on every input.

    Args:
        network: the layers to run through.
        settings: P of them.
        inputs: what the first of these layers is presented.
        key: of the noise of this measurement.
        threads: that share the work; no effect on the answer.

    Returns:
        (P, n_points, n_out), offsets of a stencil fastest.
    """
    out = np.empty((len(settings), inputs.n_points, network.n_out), settings.weights.dtype)
    if inputs.offsets is None and len(settings) > 2:
        reference = settings.in_common()
        differs = (settings.weights != reference.weights, settings.biases != reference.biases)
        first = population.first_events(network.layers, network.stages, network.detect, *differs)
        if first.any():
            _run_shared(network, settings, inputs.points, key, threads, reference, first, out)
            return out
    rows_per_job = _POINTS_PER_JOB
    if inputs.offsets is not None:
        rows_per_job = max(_CENTERS_PER_JOB, _POINTS_PER_JOB // inputs.offsets.shape[0])

    def work(job: tuple[int, int]) -> None:
        p, start = job
        own, job_key = settings.of(slice(p, p + 1)), derive_key(derive_key(key, p), start)
        part = inputs.points[start : start + rows_per_job]
        if inputs.offsets is None:
            _run_points(network, own, part, job_key, out[p, start : start + len(part)])
        else:
            n_offsets = inputs.offsets.shape[0]
            own_out = out[p, start * n_offsets : (start + len(part)) * n_offsets]
            _run_stencil(network, own, Presented(part, inputs.offsets), job_key, own_out)

    kind = "points" if inputs.offsets is None else "stencils"
    _do(kind, work, _jobs(len(settings), inputs, rows_per_job), threads)
    return out


def run_jittering(
    network: Network,
    n_settings: int,
    draw: Callable[[int, int, np.random.Generator], Programmed],
    inputs: Presented,
    key: int,
    threads: int,
    hold: int,
) -> RealArray:
    """Every setting on every input, with phases that change every few inputs.

    Args:
        network: the layers to run through.
        n_settings: P.
        draw: ``draw(p, n, rng)``: setting p with n draws of the jitter.
        inputs: points; a stencil has no use here.
        key: of the noise of this measurement.
        threads: that share the work; no effect on the answer.
        hold: inputs that meet the same phases.

    Returns:
        (P, n_points, n_out).
    """
    rows_per_job = _HOLDS_PER_JOB * hold
    dtype = network.detect.dtype
    out = np.empty((n_settings, inputs.n_points, network.n_out), dtype)

    def work(job: tuple[int, int]) -> None:
        p, start = job
        job_key = derive_key(derive_key(key, p), start)
        points = inputs.points[start : start + rows_per_job]
        places = range(0, len(points), hold)
        drawn = draw(p, len(places), np.random.default_rng(derive_key(job_key, 1)))
        for i, place in enumerate(places):
            some = points[place : place + hold]
            target = out[p, start + place : start + place + len(some)]
            _run_points(network, drawn.of(slice(i, i + 1)), some, derive_key(job_key, 2 + i), target)

    _do("jittered points", work, _jobs(n_settings, inputs, rows_per_job), threads)
    return out


def electronics(network: Network, k: int, biases: RealArray, readings: RealArray) -> RealArray:
    """What the electronics behind layer k write onto the next: bias, activation and converter, (N, m).

    Args:
        network: all layers.
        k: number of the layer.
        biases: (n_biases,) of all layers.
        readings: (N, m) of its detectors, converted.
    """
    detect = network.detect[k].copy()
    measured = [contraction.DETECT_STD, contraction.DETECT_SIGNAL, contraction.DETECT_COMMON]
    detect[[*measured, contraction.ADC_STEP]] = 0.0
    # A tile as wide as there are inputs.
    tile, nothing = readings.T.flatten(), np.empty(0, readings.dtype)
    contraction.finish_layer(network.layers[k], biases, detect, np.uint64(0), tile, nothing, len(readings))
    return np.ascontiguousarray(tile.reshape(-1, len(readings)).T)


def _jobs(n_settings: int, inputs: Presented, rows_per_job: int) -> list[tuple[int, int]]:
    """Every setting with every place in the inputs where a job begins."""
    places = range(0, inputs.points.shape[0], rows_per_job)
    return [(p, start) for p in range(n_settings) for start in places]


_begun: set[str] = set()
"""Kinds of work that this process has done before, so that their kernels are compiled."""


def _do(kind: str, work: Callable[[T], None], jobs: Sequence[T], threads: int) -> None:
    """All jobs, side by side.

    The very first one of a kind is done in this thread: compiling takes many seconds, and an interrupt
    (Ctrl-C) ends it only here.
    """
    if jobs and kind not in _begun:
        work(jobs[0])
        _begun.add(kind)
        jobs = jobs[1:]
    if threads == 1 or len(jobs) <= 1:
        for job in jobs:
            work(job)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, jobs):
                pass


def _run_shared(
    network: Network,
    settings: Programmed,
    points: RealArray,
    key: int,
    threads: int,
    reference: Programmed,
    first: IntArray,
    out: RealArray,
) -> None:
    """All settings, several at a time from where they begin to differ."""

    def work(job: tuple[int, int]) -> None:
        p, start = job
        some = slice(p, min(p + _SETTINGS_PER_JOB, len(settings)))
        keys = [derive_key(derive_key(key, q), start) for q in range(some.start, some.stop)]
        rows = slice(start, start + _POINTS_PER_JOB)
        population.run_population(
            network.layers,
            network.stages,
            reference.weights[0],
            reference.biases[0],
            settings.weights[some],
            settings.biases[some],
            network.detect,
            np.array(keys, dtype=np.uint64),
            first[some],
            points[rows],
            out[some, rows],
        )

    groups = range(0, len(settings), _SETTINGS_PER_JOB)
    places = range(0, points.shape[0], _POINTS_PER_JOB)
    _do("shared points", work, [(p, start) for p in groups for start in places], threads)


def _run_points(network: Network, setting: Programmed, points: RealArray, key: int, out: RealArray) -> None:
    """One setting on some inputs."""
    nothing = np.zeros((1, 1), points.dtype)
    _kernel(network, setting, points, nothing, 0, key, out)


def _run_stencil(network: Network, setting: Programmed, inputs: Presented, key: int, out: RealArray) -> None:
    """One setting on some centres of a stencil, with all offsets."""
    # W (x + d) = W x + W d: the first layer sees B + K inputs instead of B * K.
    assert inputs.offsets is not None
    n_offsets, dtype = inputs.offsets.shape[0], inputs.points.dtype
    first = network.part(slice(0, 1), readings=True)
    silent = Network(first.layers, first.stages, np.zeros_like(first.detect))
    parts = [np.empty((len(rows), first.n_out), dtype) for rows in (inputs.points, inputs.offsets)]
    for rows, part in zip((inputs.points, inputs.offsets), parts, strict=True):
        _run_points(silent, setting.without_biases(), rows, 0, part)
    cyclic = np.arange(n_offsets + contraction.TILE_WIDTH[dtype]) % n_offsets
    columns = np.ascontiguousarray(parts[1][cyclic].T)
    _kernel(network, setting, parts[0], columns, n_offsets, key, out)


def _kernel(
    network: Network,
    setting: Programmed,
    points: RealArray,
    columns: RealArray,
    n_offsets: int,
    key: int,
    out: RealArray,
) -> None:
    contraction.run_network(
        network.layers,
        network.stages,
        setting.weights[0],
        setting.biases[0],
        network.detect,
        np.uint64(key),
        n_offsets,
        points,
        columns,
        out,
    )

"""Speed of the published networks: HJB-20 against dense NumPy products, MNIST against its arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from photonzero.devices.noise_model import preset
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.chip.layout import NetworkLayout, lay_out
from photonzero.photonics.designs import get_design
from photonzero.photonics.threads import available_threads
from photonzero.training.oracle import Array, Stencil
from photonzero.training.stencils import make_rule

_ROUNDS = 7
_IMAGES = 8_000
_PEAK_SIZE = 1024
_PROBE_ROUNDS = 3


def operations_per_point() -> tuple[int, int]:
    """Multiplications and additions of `tonn-hjb20` for one point, and sines beside them.

    The first layer is not counted: a stencil evaluates it for centres and offsets only.
    """
    design = get_design("tonn-hjb20")
    layout = lay_out(design, 0.0)
    return _operations(layout, int(layout.layer_table[1, 0])), sum(layer.n_out for layer in design.layers)


def _operations(layout: NetworkLayout, first_stage: int) -> int:
    """Multiplications and additions of the contractions from a stage on, and of all biases."""
    stages = layout.stage_table[first_stage:]
    return 2 * int((stages[:, 0] * stages[:, 1] * stages[:, 2] * stages[:, 3]).sum()) + layout.bias.size


def run_mnist() -> dict[str, Any]:
    """The 784-1024-10 tensor-train network on 8,000 images, one thread, float32.

    ``floor_s`` is the time that its operations would take at the rate of NumPy's float32 product of two
    1024 x 1024 matrices, measured in the same run: no contraction can be faster.
    """
    rng = np.random.default_rng(0)
    design = get_design("tt-mnist")
    chip = fabricate(design, preset("ideal"), 0, threads=1)
    controls = chip.initial_controls(rng)[None]
    images = rng.random((_IMAGES, design.n_in), dtype=np.float32)
    square = rng.random((_PEAK_SIZE, _PEAK_SIZE), dtype=np.float32)
    tasks = {"chip": lambda: chip.measure(controls, images), "product": lambda: square @ square}
    best = dict.fromkeys(tasks, np.inf)
    with one_blas_thread():
        for _ in range(_ROUNDS + 1):
            for name, task in tasks.items():
                started = time.perf_counter()
                task()
                # The shortest: whatever else the machine does can only add time, to either side.
                best[name] = min(best[name], time.perf_counter() - started)
    operations = _operations(lay_out(design, 0.0), 0)
    peak = 2 * _PEAK_SIZE**3 / best["product"]
    return {
        "images": _IMAGES,
        "seconds": best["chip"],
        "operations_per_image": operations,
        "gflop_per_s": operations * _IMAGES / best["chip"] / 1e9,
        "peak_gflop_per_s": peak / 1e9,
        "floor_s": operations * _IMAGES / peak,
    }


def run_probes(n_images: int) -> dict[str, Any]:
    """Coordinate-wise probes of `tt-mnist` on a batch, one thread: all at once against two a call.

    Two settings share no work, a population does; the answers are the same to the last bit.

    Args:
        n_images: of the batch. Few are computed in narrow tiles.
    """
    rng = np.random.default_rng(0)
    design = get_design("tt-mnist")
    chip = fabricate(design, preset("ideal"), 0, threads=1)
    settings = np.repeat(chip.initial_controls(rng)[None], chip.n_controls, axis=0)
    settings[np.diag_indices(chip.n_controls)] += 0.01
    images = rng.random((n_images, design.n_in), dtype=np.float32)

    def in_pairs() -> None:
        for p in range(0, chip.n_controls, 2):
            chip.measure(settings[p : p + 2], images)

    tasks = {"shared": lambda: chip.measure(settings, images), "in_pairs": in_pairs}
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(_PROBE_ROUNDS):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    shared = median(seconds["shared"])
    return {
        "settings": chip.n_controls,
        "images": n_images,
        "inferences_per_s": chip.n_controls * n_images / shared,
        "times_pairs": median(seconds["in_pairs"]) / shared,
    }


def run() -> dict[str, Any]:
    """Points per second, GFlop/s and the ratio to dense NumPy, float32.

    Ratios are of medians over interleaved rounds. The baseline is the dense network
    21-512-512-1 as float32 matrix products with `numpy.sin` on the same points; its linear algebra is
    held to one thread.
    """
    rng = np.random.default_rng(0)
    stencil = make_rule("sparse-grid").stencil(21, rng)
    inputs = Stencil(rng.random((100, 21)), stencil.offsets)
    threads = [1] + ([2] if available_threads() > 1 else [])
    chips = [fabricate(get_design("tonn-hjb20"), preset("ideal"), 0, threads=count) for count in threads]
    controls = chips[0].initial_controls(rng)[None]
    points = inputs.points().astype(np.float32)
    weights = [rng.standard_normal(shape, dtype=np.float32) for shape in ((21, 512), (512, 512), (512, 1))]
    tasks: dict[str, Callable[[], Array]] = {
        f"chip_{chip.threads}": lambda chip=chip: chip.measure(controls, inputs) for chip in chips
    }
    tasks["dense"] = lambda: _dense(points, weights)
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    with one_blas_thread():
        for task in tasks.values():
            task()
        for _ in range(_ROUNDS):
            for name, task in tasks.items():
                started = time.perf_counter()
                task()
                seconds[name].append(time.perf_counter() - started)
    operations, sines = operations_per_point()
    result: dict[str, Any] = {
        "points": inputs.n_points,
        "operations_per_point": operations,
        "sines_per_point": sines,
    }
    for count in threads:
        rate = inputs.n_points / median(seconds[f"chip_{count}"])
        result[f"threads_{count}"] = {
            "points_per_s": rate,
            "gflop_per_s": rate * operations / 1e9,
            "times_dense_numpy": median(seconds["dense"]) / median(seconds[f"chip_{count}"]),
        }
    result["mnist"] = run_mnist()
    result["probes"] = {f"{n_images}_images": run_probes(n_images) for n_images in (64, 8)}
    return result


def _dense(points: Array, weights: list[Array]) -> Array:
    hidden = np.sin(points @ weights[0])
    return np.sin(hidden @ weights[1]) @ weights[2]

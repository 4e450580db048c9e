"""Speed, measured as ratios to a named baseline in the same run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from photonzero.experiments.files.errors import UsageError

BENCHMARKS = ("mesh", "network", "sweep")


def run_benchmark(name: str) -> dict[str, Any]:
    """Run a benchmark; its figures by name.

    Raises:
        UsageError: no such benchmark.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"benchmark: {name!r}; allowed: {', '.join(BENCHMARKS)}")
    return import_module(f"photonzero.experiments.bench.{name}").run()


_WORDS = {
    "mesh": "build, propagate and decompose by number of modes: time over that of NumPy's complex matrix "
    "product of the same size; population_64x16: over 64 products of 16 x 16; imperfect_over_ideal: over "
    "that of the ideal mesh; lower is better. decompose_error: largest deviation of the rebuilt matrix.",
    "network": "times_dense_numpy: how many times as fast as a dense network of 512 neurons a layer in "
    "NumPy; times_pairs: how many times as fast as two probes a call; higher is better, as of points, "
    "inferences and operations a second.",
    "sweep": "engine_over_bare: speed of the study engine over that of bare calls, 1 at best; "
    "two_workers_over_one: 2 at best; higher is better.",
}
"""What the figures of a benchmark mean, and which way is better."""


def explained(name: str) -> str:
    """What the figures of a benchmark mean."""
    return _WORDS[name]

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

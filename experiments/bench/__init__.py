"""Speed, measured as ratios to a named baseline in the same run."""

from __future__ import annotations

import json
from importlib import import_module

from rich.console import Console

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.hardware import flat_lines

BENCHMARKS = ("mesh", "network", "sweep")


def run_benchmark(name: str, as_json: bool) -> None:
    """Run a benchmark and print it.

    Raises:
        UsageError: no such benchmark.
    """
    if name not in BENCHMARKS:
        raise UsageError(f"benchmark: {name!r}; allowed: {', '.join(BENCHMARKS)}")
    result = import_module(f"photonzero.experiments.bench.{name}").run()
    console = Console(highlight=False)
    if as_json:
        console.print(json.dumps(result), markup=False, soft_wrap=True)
        return
    for line in flat_lines(result):
        console.print(line, markup=False, soft_wrap=True)

"""Speed, measured as ratios to a named baseline in the same run."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from experiments.errors import UsageError


def run_benchmark(name: str, as_json: bool) -> None:
    """Run a benchmark and print it.

    Raises:
        UsageError: no such benchmark.
    """
    if name != "network":
        raise UsageError(f"benchmark: {name!r}; allowed: network")
    from experiments.bench.network import run

    result = run()
    console = Console(highlight=False)
    if as_json:
        console.print(json.dumps(result), markup=False, soft_wrap=True)
        return
    for line in _lines(result):
        console.print(line, markup=False, soft_wrap=True)


def _lines(result: dict[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key, value in result.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += _lines(value, f"{name} ")
        elif isinstance(value, float):
            lines.append(f"{name}: {value:.4g}")
        else:
            lines.append(f"{name}: {value}")
    return lines

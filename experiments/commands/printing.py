"""Results on stdout: "name: value" lines, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console


def print_object(table: Mapping[str, Any], as_json: bool) -> None:
    """Print a nested dictionary on stdout, as lines or as one JSON object."""
    console = Console(highlight=False)
    for line in [json.dumps(table)] if as_json else flat_lines(table):
        console.print(line, markup=False, soft_wrap=True)


def flat_lines(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    """A nested dictionary as "name: value" lines."""
    lines = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += flat_lines(value, f"{name} ")
        else:
            lines.append(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    return lines

"""What notebooks show of things that are best read as a small table."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any


def html_table(facts: Mapping[str, Any]) -> str:
    """An HTML table with a row a fact, names and values escaped."""
    left = 'style="text-align:left"'
    rows = (
        f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{''.join(rows)}</table>"

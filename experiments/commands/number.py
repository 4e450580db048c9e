"""Numbers on the command line."""

from __future__ import annotations

from typing import Any

import click


class Count(click.ParamType):
    """An integer, written 3000000, 3_000_000 or 3e6."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The integer that a text means."""
        try:
            return int(value)
        except ValueError:
            pass
        try:
            number = float(value)
        except ValueError:
            number = 0.5
        if not number.is_integer():
            self.fail(f"{value!r} is not a valid integer", param, ctx)
        return int(number)

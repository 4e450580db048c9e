"""Objects given from Python in place of names."""

from __future__ import annotations

from typing import Any

from photonzero.experiments.files.errors import UsageError

GIVEN = "python:"
"""Before the name of what was given as an object: a file cannot make it again."""


def given_name(thing: Any) -> str:
    """What a configuration calls an object: its class, or the name that a class or function has."""
    return f"{GIVEN}{getattr(thing, '__name__', type(thing).__name__)}"


def refuse_given(kind: str, name: str) -> None:
    """Refuse to look for an object by its name.

    Raises:
        UsageError: the name is that of an object.
    """
    if name.startswith(GIVEN):
        raise UsageError(
            f"{kind} {name} was given from Python as an object; allowed: train it from Python again"
        )

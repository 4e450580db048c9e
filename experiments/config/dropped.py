"""Options that are gone: old configurations that did not use them mean the same as ever, others say so.

Each was measured to be no gain; the manual's page on training has the figures in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photonzero.experiments.files.errors import UsageError


@dataclass(frozen=True)
class Dropped:
    """An option that is gone.

    Attributes:
        section: of the configuration's table.
        key: of the section.
        neutral: value that had no effect.
        of: the section's `name` for which it was an option; None for any.
    """

    section: str
    key: str
    neutral: Any
    of: str | None = None

    def section_in(self, table: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The section of a table that could hold it; None if there is none."""
        section = table.get(self.section)
        fits = isinstance(section, Mapping) and self.of in (None, section.get("name"))
        return section if fits else None


DROPPED = (
    Dropped("points", "overlap", 0.0),
    Dropped("optimizer", "subtract_noise", False, of="gauss-newton"),
)


def without_dropped(table: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's table without options that are gone, where they had no effect.

    Raises:
        UsageError: one that had an effect.
    """
    kept = dict(table)
    for option in DROPPED:
        section = option.section_in(kept)
        if section is None or option.key not in section:
            continue
        if section[option.key] != option.neutral:
            raise UsageError(
                f"{option.section}.{option.key}: {section[option.key]!r}; this option is gone, as it was no "
                f"gain (docs/training.md); allowed: none, leave the line out"
            )
        kept[option.section] = {key: value for key, value in section.items() if key != option.key}
    return kept


def with_dropped(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table with the neutral values of options that are gone: it hashes as it did when they were there."""
    full = dict(table)
    for option in DROPPED:
        section = option.section_in(full)
        if section is not None:
            full[option.section] = {**section, option.key: option.neutral}
    return full

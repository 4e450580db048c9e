"""What files of older versions said, in today's words: the only place that knows them.

Options that are gone were measured to be no gain; the manual's page on training has the figures in one line.
Old configurations that did not use them mean the same as ever, others say so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.design import modern_design
from photonzero.registry import file_hash, is_file_name


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


def current(table: Mapping[str, Any]) -> dict[str, Any]:
    """A run's table in today's words.

    Raises:
        UsageError: it uses an option that is gone.
    """
    kept = without_dropped(table)
    design = kept.get("design")
    return {**kept, "design": modern_design(design)} if isinstance(design, Mapping) else kept


def older_fingerprint(table: Mapping[str, Any]) -> str:
    """What older versions wrote into a checkpoint, from the config.toml beside it.

    Args:
        table: the content of the file, nothing changed.

    Raises:
        OSError: the user's file that it names cannot be read.
    """
    said = {key: value for key, value in table.items() if key != "limits"}
    problem = said.get("problem")
    if isinstance(problem, str) and is_file_name(problem):
        said["problem_file"] = file_hash(problem)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


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
                f"gain (docs/explanation/training.md); allowed: none, leave the line out"
            )
        kept[option.section] = {key: value for key, value in section.items() if key != option.key}
    return kept

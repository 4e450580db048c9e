"""An optimizer and its options, as a run's configuration has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.given import GIVEN, given_name, refuse_given
from photonzero.experiments.files.toml import from_table, plain
from photonzero.training.optimizers import OPTIMIZERS, Method


@dataclass(frozen=True)
class OptimizerChoice:
    """A way to train and its settings.

    Attributes:
        name: as a configuration holds it; a user's file with its absolute path.
        method: what makes the optimizer.
        options: its settings, the dataclass that the method names.
    """

    name: str
    method: Method
    options: Any

    @classmethod
    def from_table(cls, table: Any, path: str) -> OptimizerChoice:
        """From the section of a run's table.

        Raises:
            UsageError: no section, no name, an unknown key or a wrong type.
            TrainingError: an unknown optimizer, or a value out of range.
        """
        if not isinstance(table, Mapping):
            raise UsageError(f"configuration {path}: {table!r}; allowed: a section [{path}]")
        chosen = table.get("name")
        if isinstance(chosen, str):
            refuse_given(path, chosen)
            name, method = OPTIMIZERS.resolved(chosen), OPTIMIZERS.get(chosen)
        elif chosen is None:
            raise UsageError(f"configuration: {path}.name is missing")
        else:
            name = given_name(chosen)
            method = OPTIMIZERS.check(name, chosen)
        own = {key: value for key, value in table.items() if key != "name"}
        return cls(name, method, from_table(method.options, own, f"{path}."))

    @property
    def label(self) -> str:
        """A short name, for folders and figures."""
        return OPTIMIZERS.label(self.name.removeprefix(GIVEN))

    def to_table(self) -> dict[str, Any]:
        """As the section of a run's table."""
        return {"name": self.name, **plain(self.options)}

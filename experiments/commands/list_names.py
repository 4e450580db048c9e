"""`photonzero list`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

WHAT = ("problems", "chips", "topologies", "noise", "noise-parts", "optimizers", "derivatives",
        "callbacks", "studies")  # fmt: skip


@click.command(name="list")
@click.argument("what", required=False, type=click.Choice(WHAT))
def list_names(what: str | None) -> None:
    """List all names that the command knows, or those of WHAT alone.

    Those of installed packages are among them; a user's `file.py:Name` is known wherever a name is.

    \b
    Examples:
      photonzero list
      photonzero list chips
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("kind", "name", "what it is"):
        table.add_column(column)
    listed = known_names()
    for kind in WHAT if what is None else (what,):
        for name, text in listed[kind]().items():
            table.add_row(kind, name, text)
    Console(highlight=False).print(table)


def known_names() -> Mapping[str, Callable[[], dict[str, str]]]:
    """For everything in WHAT its names, each with one line on what it is."""
    from photonzero.devices.noise_model import PRESETS
    from photonzero.devices.noise_part import NOISE_PARTS
    from photonzero.experiments.config.chips import CHIPS
    from photonzero.experiments.studies.registry import STUDIES
    from photonzero.experiments.tasks.registry import known_tasks
    from photonzero.photonics.mesh.topologies import TOPOLOGIES
    from photonzero.registry import Registry
    from photonzero.training.callbacks import CALLBACKS
    from photonzero.training.optimizers import OPTIMIZERS
    from photonzero.training.stencils import RULES

    def entries(registry: Registry[Any], text: Callable[[Any], str | None]) -> dict[str, str]:
        lines = {}
        for name in registry:
            try:
                lines[name] = first_line(text(registry.get(name)))
            except registry.error as error:
                # A plugin that fails must not end the list of all others.
                lines[name] = str(error)
        return lines

    return {
        "problems": known_tasks,
        "chips": lambda: entries(CHIPS, lambda chip: chip.description),
        "topologies": lambda: entries(TOPOLOGIES, lambda topology: topology.__doc__),
        "noise": lambda: {name: model.describe() for name, model in PRESETS.items()},
        "noise-parts": lambda: entries(NOISE_PARTS, lambda part: part.__doc__),
        "optimizers": lambda: entries(OPTIMIZERS, lambda method: method.summary),
        "derivatives": lambda: entries(RULES, lambda rule: rule.summary),
        "callbacks": lambda: entries(CALLBACKS, lambda callback: callback.__doc__),
        "studies": lambda: entries(STUDIES, lambda study: study.summary),
    }


def first_line(text: str | None) -> str:
    """The first line of a docstring."""
    lines = (text or "").splitlines()
    return lines[0].replace("``", "") if lines else ""

"""`photonzero list`."""

from __future__ import annotations

import click


@click.command(name="list")
def list_names() -> None:
    """List problems, chips, noise presets, optimizers, derivative rules and studies.

    \b
    Example:
      photonzero list
    """
    from photonzero.experiments.commands.display import print_names

    print_names()

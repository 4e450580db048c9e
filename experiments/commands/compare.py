"""`photonzero compare`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN RUN..")
def compare(runs: tuple[Path, ...]) -> None:
    """What sets run folders apart: settings that differ, results, and whether they end with the same bits.

    \b
    Example:
      photonzero compare runs/hjb20-001 runs/hjb20-002
    """
    from rich.console import Console
    from rich.table import Table

    from photonzero.experiments.files.errors import UsageError
    from photonzero.experiments.run.evaluation import differences

    if len(runs) < 2:
        raise UsageError(f"compare: {len(runs)} run folder; allowed: two run folders or more")
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    for run in runs:
        table.add_column(str(run), overflow="fold")
    for name, texts in differences(runs):
        table.add_row(name, *texts)
    Console(highlight=False, markup=False).print(table)

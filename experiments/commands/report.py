"""`photonzero report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="[default: FOLDER/report.html]")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def report(folder: Path, out: Path | None, quiet: bool) -> None:
    """Gather a finished run or study into one HTML page: figures, tables, configuration, how to repeat it.

    The page needs nothing else: it can be sent by mail.

    \b
    Examples:
      photonzero report runs/hjb20-001
      photonzero report runs/sweep-phase-error-ea549ac6 --out phase-error.html
    """
    from photonzero.experiments.report import write_report

    path = write_report(folder, out)
    if not quiet:
        click.echo(str(path))

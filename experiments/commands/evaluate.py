"""`photonzero evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing


@click.command(cls=Computing)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--points", required=True, type=click.Path(path_type=Path), metavar="FILE.csv", help="Where.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.csv", help="[default: on the terminal]")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Simulator threads.")
def evaluate(run: Path, points: Path, out: Path | None, threads: int | None) -> None:
    """What the trained chip of RUN answers at the points of a CSV file, as a CSV file.

    The first line of the file names the columns: the coordinates of the PDE, x1, x2, .. for a vector x, in
    any order. The answer has the same columns, then the solution, and the exact one where it is known. Of a
    dataset the columns are x1, x2, .., and the answer is a class.

    \b
    Example:
      photonzero evaluate runs/heat-001 --points grid.csv --out solution.csv
    """
    from photonzero.experiments.run.evaluation import evaluated, write_rows

    columns, rows = evaluated(run, points, threads)
    text = write_rows(columns, rows, out)
    if out is None:
        click.echo(text, nl=False)

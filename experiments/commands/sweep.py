"""`photonzero sweep`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing
from photonzero.experiments.commands.exit_codes import EXIT_INTERRUPTED


@click.command(cls=Computing)
@click.argument("name", metavar="NAME|FILE.toml")
@click.option("--quick", is_flag=True, help="The study's short version.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of study.toml.")
@click.option(
    "--executor",
    type=click.Choice(["serial", "processes", "dask"]),
    default="processes",
    show_default=True,
    help="Where samples are measured; no effect on results.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster.  [default: one on this machine]")
@click.option("--workers", type=int, metavar="N", help="How many.  [default: one a processor]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the study.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def sweep(
    name: str,
    quick: bool,
    settings: tuple[str, ...],
    executor: str,
    scheduler: str | None,
    workers: int | None,
    out: Path | None,
    quiet: bool,
) -> None:
    """Measure a study: a grid of settings on many fabricated chips; one tidy table, figures.

    NAME is a built-in study (`photonzero list`); a file has its keys, see docs/how-to/studies.md. The same
    command continues a study that was interrupted (Ctrl-C, kill, power cut) and repeats nothing. The table is
    the same, bit for bit, on any executor and any number of workers.

    \b
    Examples:
      photonzero sweep phase-error
      photonzero sweep phase-error --set topology='["rectangular","symmetric"]' --set n_modes=[8,32]
      photonzero sweep deployment --quick
      photonzero sweep mine.toml --executor dask --scheduler tcp://host:8786
    """
    from photonzero.experiments.studies.running import run_command

    try:
        run_command(
            name,
            quick=quick,
            settings=settings,
            executor=executor,
            scheduler=scheduler,
            workers=workers,
            out=out,
            quiet=quiet,
        )
    except KeyboardInterrupt:
        click.echo("interrupted; the same command continues", err=True)
        sys.exit(EXIT_INTERRUPTED)

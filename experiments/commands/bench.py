"""`photonzero bench`."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", type=click.Choice(["mesh", "network", "sweep"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, last on stdout.")
def bench(name: str, as_json: bool) -> None:
    """Measure the simulator's speed against a named baseline, in one run.

    \b
    Example:
      photonzero bench network --json
    """
    from photonzero.experiments.bench import explained, run_benchmark
    from photonzero.experiments.commands.printing import print_object

    print_object(run_benchmark(name), as_json)
    if not as_json:
        click.echo(f"\n{explained(name)}")

"""`photonzero show`."""

from __future__ import annotations

import click


@click.command()
@click.argument("what", type=click.Choice(["noise", "chip", "preset"]))
@click.argument("name")
def show(what: str, name: str) -> None:
    """Print a noise model, a chip's design or a problem's preset as TOML, to be changed and used.

    What is printed loads again: `train --noise FILE.toml`, `train --chip FILE.toml`, and a preset with
    `train --config FILE.toml`.

    \b
    Examples:
      photonzero show noise published > mine.toml
      photonzero show chip tonn-plane > mine.toml
      photonzero show preset burgers > mine.toml
    """
    import tomli_w

    from photonzero.experiments.config.chips import read_design
    from photonzero.experiments.config.noise import noise_model
    from photonzero.experiments.config.run_config import default_table, resolve
    from photonzero.experiments.files.toml import plain

    if what == "noise":
        table = plain(noise_model(name))
    elif what == "chip":
        table = plain(read_design(name))
    else:
        table = resolve(default_table(name)).to_table()
    click.echo(tomli_w.dumps(table).rstrip())

"""`photonzero cost`."""

from __future__ import annotations

import click


@click.command()
@click.argument("chip")
@click.option(
    "--inferences", type=click.IntRange(1), metavar="N", help="Also cost a training of N inferences."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, last on stdout.")
def cost(chip: str, inferences: int | None, as_json: bool) -> None:
    """Estimate what CHIP costs: MZIs, light, power, latency and energy.

    CHIP is a design (`photonzero list`), a TOML file with one, or one of onn-1024, tonn-1024, tonn2-1024.
    The constants and their sources are in docs/hardware-cost.md; many are assumptions, and marked so.

    \b
    Examples:
      photonzero cost tonn-1024
      photonzero cost my_chip.toml
      photonzero cost tonn-hjb20 --inferences 3000000 --json
    """
    from photonzero.experiments.run.hardware import print_cost

    print_cost(chip, inferences, as_json)

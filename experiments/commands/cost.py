"""`photonzero cost`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

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
    The constants and their sources are in docs/reference/hardware-cost.md; many are assumptions, marked so.

    \b
    Examples:
      photonzero cost tonn-1024
      photonzero cost my_chip.toml
      photonzero cost tonn-hjb20 --inferences 3000000 --json
    """
    from photonzero.experiments.commands.printing import print_object

    table = cost_table(chip, inferences)
    print_object(table, as_json)
    if not table["is_feasible"]:
        click.echo(
            f"not feasible: {table['waveguide_power_w']:.3g} W in one input waveguide, more than it carries "
            "(docs/reference/hardware-cost.md); fewer bits, less loss or fewer stages need less",
            err=True,
        )


def cost_table(chip: str, inferences: int | None) -> dict[str, Any]:
    """All figures of the cost model for a design or an architecture, by name.

    Args:
        chip: a name of `photonzero.photonics.designs` or of `photonzero.photonics.cost`, or a TOML file with
            a design.
        inferences: adds time and energy of a training of so many, phases programmed once.

    Raises:
        UsageError: an unknown chip, or one without optics.
    """
    from photonzero.experiments.config.run_config import read_design
    from photonzero.experiments.files.errors import UsageError
    from photonzero.photonics.cost import PRESETS, architecture, estimate, preset
    from photonzero.photonics.designs import design_names

    if chip in PRESETS:
        spec = preset(chip)
    elif chip in design_names() or chip.endswith(".toml"):
        found = architecture(read_design(chip))
        if found is None:
            raise UsageError(f"chip {chip}: its cores are numbers or rings; allowed: a chip with meshes")
        spec = found
    else:
        raise UsageError(f"chip: {chip!r}; allowed: {', '.join((*PRESETS, *design_names()))}, or a TOML file")
    estimated = estimate(spec)
    table = {f.name: getattr(estimated, f.name) for f in fields(estimated)}
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    if inferences is not None:
        table["training_time_s"], table["training_energy_j"] = estimated.training_run(inferences)
    return table

"""`photonzero map`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing

METHODS = ("loaded", "compensated", "calibrated", "self-calibrated")
"""Those of `photonzero.experiments.run.mapping`, which takes a while to load."""


@click.command("map", cls=Computing)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--noise", default="published", show_default=True, metavar="PRESET|FILE.toml")
@click.option("--chips", default=3, show_default=True, type=click.IntRange(1), help="Chips to fabricate.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the first chip.")
@click.option(
    "--max-inferences", default=1_000_000, show_default=True, type=click.IntRange(1), metavar="N",
    help="Budget of the calibration of a chip.",
)  # fmt: skip
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(METHODS), default=METHODS[:3],
    help="One way; may be repeated.  [default: all but self-calibrated]",
)  # fmt: skip
@click.option("--core-size", type=click.IntRange(2), metavar="K", help="Blocks of K x K.  [default: its own]")
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Simulator threads; no effect on results."
)
@click.option("--json", "print_json", is_flag=True, help="Print one JSON object, last on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
def map_network(
    source: Path,
    noise: str,
    chips: int,
    seed: int,
    max_inferences: int,
    methods: tuple[str, ...],
    core_size: int | None,
    threads: int | None,
    print_json: bool,
    quiet: bool,
) -> None:
    """Bring SOURCE, a trained network or a matrix, onto imperfect chips in several ways.

    SOURCE is a run folder of `photonzero train`; or a matrix in a .npy file, of which a complex one
    counts as a real one of twice the size; or a network of one's own in a .npz file: W1 (outputs, inputs),
    b1, W2, b2 and so on, activation, and inputs with labels to be judged by. Its cores are
    decomposed into phases and (1) loaded as they are, (2) loaded with the chip's static errors known and
    compensated, (3) loaded and then calibrated by measurements alone: forward-only Gauss-Newton makes the
    chip's outputs those of the network. With --method self-calibrated (4) the chip finds its own errors, from
    forward readings of its layers alone, and the network is loaded onto what it found. Fidelities of the
    cores, errors of the outputs and of the task are compared, median and range over the chips.

    \b
    Examples:
      photonzero train hjb20 --chip tt-hjb20 --out runs/digital
      photonzero map runs/digital --noise published --chips 5
      photonzero map runs/digital --method compensated --method self-calibrated
      photonzero map matrix.npy --core-size 8 --json
      photonzero map mlp.npz --method loaded --method self-calibrated
    """
    from rich.console import Console

    from photonzero.experiments.config.noise import noise_model
    from photonzero.experiments.run.mapping import as_json, map_onto_chips, table_of
    from photonzero.experiments.run.teacher import teacher_from

    model = noise_model(noise)
    teacher = teacher_from(source)
    rows = map_onto_chips(
        teacher, model, range(seed, seed + chips), max_inferences,
        methods=methods, core_size=core_size, threads=threads, quiet=quiet,
    )  # fmt: skip
    console = Console(highlight=False)
    if print_json:
        console.print(json.dumps(as_json(teacher, noise, rows)), markup=False, soft_wrap=True)
    else:
        console.print(table_of(rows))

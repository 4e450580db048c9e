"""`photonzero train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from photonzero.experiments.commands.computing import Computing
from photonzero.experiments.commands.exit_codes import EXIT_INTERRUPTED
from photonzero.experiments.commands.number import Count

_SEEN = {
    "layers": "the layers of {} can be read",
    "last-layer": "only the last layer of {} can be read",
    "outputs": "the layers of {} cannot be read",
}
"""What a chip offers, in words."""


@click.command(cls=Computing)
@click.argument("problem", required=False)
@click.option("--chip", metavar="NAME|FILE.toml|FILE.py:NAME", help="The chip; the problem has one.")
@click.option("--noise", metavar="PRESET|FILE.toml", help="Imperfections.  [default: published]")
@click.option("--optimizer", metavar="NAME|FILE.py:NAME", help="Method; the problem and the chip have one.")
@click.option("--access", metavar="NAME", help="Seen of the chip: layers, last-layer or outputs.")
@click.option("--derivatives", metavar="NAME|FILE.py:NAME", help="Stencil rule.  [default: central]")
@click.option("--max-inferences", type=Count(), metavar="N", help="Budget of optical inferences.")
@click.option("--steps", type=Count(), metavar="N", help="Stop after so many steps.")
@click.option("--target-error", type=float, metavar="E", help="Stop at this validation error.")
@click.option("--seed", type=int, metavar="N", help="Of chip and training.  [default: 0]")
@click.option("--threads", type=int, metavar="N", help="Simulator threads; no effect on results.")
@click.option("--callback", "callbacks", multiple=True, metavar="FILE.py:NAME", help="Called each step.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="New run folder.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Continue that run.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Repeat from a config.toml.")
@click.option("--data", metavar="DIR", help="Files of mnist.  [default: $PHOTONZERO_DATA]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of config.toml.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def train(
    problem: str | None,
    max_inferences: int | None,
    steps: int | None,
    target_error: float | None,
    threads: int | None,
    callbacks: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    config: Path | None,
    settings: tuple[str, ...],
    quiet: bool,
    **chosen: Any,
) -> None:
    """Train a chip on PROBLEM and write a run folder (default: the next number under runs/).

    An interrupted run (Ctrl-C, kill, power cut) continues with --resume and ends with the same bits.
    A finished one continues if --resume comes with a larger budget.

    \b
    Examples:
      photonzero train hjb20
      photonzero train hjb20 --noise harsh --seed 3 --out runs/harsh-3
      photonzero train hjb20 --optimizer rge-adam --derivatives sparse-grid
      photonzero train helmholtz --access last-layer
      photonzero train my_pde.py:Heat --chip my_lab.py:Bench --callback my_log.py:Log
      photonzero train --resume runs/harsh-3 --max-inferences 1e7
      photonzero train mnist --data DIR
      photonzero train hjb20 --set batch_size=200 --set optimizer.n_steps=8
    """
    from photonzero.experiments.commands.progress import TrainingDisplay
    from photonzero.experiments.config.run_config import with_limits
    from photonzero.experiments.files.errors import UsageError
    from photonzero.experiments.files.toml import read_settings
    from photonzero.experiments.run.api import configured, repeated
    from photonzero.experiments.run.assembly import assemble
    from photonzero.experiments.run.folder import load_config, new_folder
    from photonzero.experiments.run.runs import execute_in
    from photonzero.training.callbacks import CALLBACKS
    from photonzero.training.powers import Stateful

    if resume is not None:
        fixed = [f"--{key}" for key, value in {**chosen, "out": out, "config": config}.items()
                 if value is not None] + ["--set"] * bool(settings)  # fmt: skip
        if fixed:
            raise UsageError(f"{fixed[0]} with --resume; allowed: limits, --threads, --callback, --quiet")
        run_config = load_config(resume)
        if problem is not None and problem not in (run_config.problem, run_config.task.label):
            raise UsageError(f"problem: {problem!r}; allowed: {run_config.task.name}, as in {resume}")
    elif config is not None:
        run_config = repeated(config, problem, settings=read_settings(settings), **chosen)
    elif problem is None:
        raise UsageError("PROBLEM is missing; `photonzero list problems` shows the names")
    else:
        run_config = configured(problem, settings=read_settings(settings), **chosen)
    run_config = with_limits(run_config, max_inferences, steps, target_error)
    # Whatever can be wrong with the parts is found before a folder is made.
    makers = [CALLBACKS.get(name) for name in callbacks]
    parts = assemble(run_config, threads)
    folder = new_folder(out, run_config.task.label) if resume is None else resume
    called = [make(folder) for make in makers]
    if resume is not None and not isinstance(parts.chip, Stateful) and not quiet:
        click.echo(
            f"chip {run_config.chip_name} has no state() and restore(): its noise does not continue "
            "where it stood",
            err=True,
        )
    by_itself = resume is None and config is None and chosen["optimizer"] is None
    if by_itself and not quiet and run_config.task.preset().get("layered") is not None:
        method, seen = run_config.optimizer.method, run_config.seen
        if method.needs_layers or seen != "layers":
            click.echo(
                f"{_SEEN[seen].format(run_config.chip_name)}: {run_config.optimizer.label} trains it "
                "(--optimizer takes another)",
                err=True,
            )
    with TrainingDisplay(run_config, folder, quiet) as display:
        try:
            outcome = execute_in(
                parts, folder, resume=resume is not None, callbacks=[display.update, *called]
            )
        except KeyboardInterrupt:
            display.close()
            click.echo(f"interrupted; continue with: photonzero train --resume {folder}", err=True)
            sys.exit(EXIT_INTERRUPTED)
    if not quiet:
        display.summary(outcome.result)

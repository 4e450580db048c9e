"""`photonzero train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from photonzero.experiments.commands.computing import Computing
from photonzero.experiments.commands.exit_codes import EXIT_INTERRUPTED


@click.command(cls=Computing)
@click.argument("problem", required=False)
@click.option("--chip", metavar="NAME|FILE.toml", help="Design of the chip; the problem has one.")
@click.option("--noise", metavar="PRESET|FILE.toml", help="Imperfections.  [default: published]")
@click.option("--optimizer", metavar="NAME", help="Method.  [default: gauss-newton]")
@click.option("--derivatives", metavar="NAME", help="Stencil rule.  [default: central]")
@click.option("--max-inferences", type=int, metavar="N", help="Budget of optical inferences.")
@click.option("--steps", type=int, metavar="N", help="Stop after so many steps.")
@click.option("--target-error", type=float, metavar="E", help="Stop at this validation error.")
@click.option("--seed", type=int, metavar="N", help="Of chip and training.  [default: 0]")
@click.option("--threads", type=int, metavar="N", help="Simulator threads; no effect on results.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="New run folder.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Continue that run.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Repeat from a config.toml.")
@click.option("--data", metavar="DIR", help="Files of mnist.  [default: $PHOTONZERO_DATA]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any key of config.toml.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def train(
    problem: str | None,
    chip: str | None,
    noise: str | None,
    optimizer: str | None,
    derivatives: str | None,
    max_inferences: int | None,
    steps: int | None,
    target_error: float | None,
    seed: int | None,
    threads: int | None,
    out: Path | None,
    resume: Path | None,
    config: Path | None,
    data: str | None,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Train a chip on PROBLEM and write a run folder (default: the next number under runs/).

    An interrupted run (Ctrl-C, kill, power cut) continues with --resume and ends with the same bits.
    A finished one continues if --resume comes with a larger budget.

    \b
    Examples:
      photonzero train hjb20
      photonzero train hjb20 --noise harsh --seed 3 --out runs/harsh-3
      photonzero train hjb20 --optimizer rge-adam --derivatives sparse-grid
      photonzero train --resume runs/harsh-3 --max-inferences 10000000
      photonzero train digits
      photonzero train mnist --data DIR
      photonzero train hjb20 --set batch_size=200 --set optimizer.n_directions=20
    """
    from photonzero.experiments.commands.display import TrainingDisplay
    from photonzero.experiments.config import run_config as configs
    from photonzero.experiments.files import toml
    from photonzero.experiments.files.errors import UsageError
    from photonzero.experiments.run.runs import assemble, execute, load_config, new_folder

    chosen: dict[str, Any] = {
        "chip": chip, "noise": noise, "optimizer": optimizer, "derivatives": derivatives, "seed": seed
    }  # fmt: skip
    if resume is not None:
        fixed = [f"--{key}" for key, value in {**chosen, "out": out, "config": config, "data": data}.items()
                 if value is not None] + ["--set"] * bool(settings)  # fmt: skip
        if fixed:
            raise UsageError(f"{fixed[0]} with --resume; allowed: limits, --threads, --quiet")
        run_config = load_config(resume)
        if problem is not None and problem != run_config.problem:
            raise UsageError(f"problem: {problem!r}; allowed: {run_config.problem}, as in {resume}")
        folder = resume
    else:
        if config is not None:
            table = toml.read_toml(config)
            if problem is not None and problem != table.get("problem"):
                raise UsageError(f"problem: {problem!r}; {config} is of {table.get('problem')!r}")
            given = [f"--{k}" for k in ("noise", "optimizer", "derivatives") if chosen[k] is not None]
            if given:
                raise UsageError(f"{given[0]} with --config; allowed: --set for single keys")
        elif problem is None:
            raise UsageError("PROBLEM is missing; `photonzero list` shows the names")
        else:
            table = configs.default_table(
                problem, optimizer or "gauss-newton", derivatives, noise or "published"
            )
        if seed is not None:
            table["seed"] = seed
        if data is not None:
            table["data"] = str(Path(data).absolute())
        if chip is not None:
            table.pop("design", None)
            table.update(configs.chip_table(chip))
        run_config = configs.resolve(toml.apply_settings(table, settings))
        folder = None
    run_config = configs.with_limits(run_config, max_inferences, steps, target_error)
    # Whatever can be wrong with the parts is found before a folder is made.
    parts = assemble(run_config, threads)
    if folder is None:
        folder = new_folder(out, run_config.problem)
    with TrainingDisplay(run_config, folder, quiet) as display:
        try:
            result = execute(run_config, parts, folder, resume=resume is not None, callbacks=[display.update])
        except KeyboardInterrupt:
            display.close()
            click.echo(f"interrupted; continue with: photonzero train --resume {folder}", err=True)
            sys.exit(EXIT_INTERRUPTED)
    if not quiet:
        display.summary(result)

"""The `photonzero` command."""

from __future__ import annotations

import errno
import signal
import sys
from pathlib import Path
from typing import Any

import click

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point: every expected failure is one line on stderr and exit code 2."""
    # A terminated job ends as an interrupted one: with its last step on disk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The packages below take most of a second to load; --help and usage errors should not wait.
    from devices.errors import DeviceError
    from experiments.errors import UsageError
    from photonics.errors import PhotonicsError
    from training.errors import TrainingError

    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _fail(error.format_message())
    except (DeviceError, PhotonicsError, TrainingError, UsageError) as error:
        _fail(str(error))
    except OSError as error:
        reason = "no space left on the disk" if error.errno == errno.ENOSPC else error.strerror
        _fail(f"{error.filename or 'file'}: {reason}")


def _fail(message: str) -> None:
    click.echo(f"photonzero: error: {' '.join(message.split())}", err=True)
    sys.exit(EXIT_BAD_INPUT)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photonzero")
def cli() -> None:
    r"""Simulate photonic chips and train them from forward measurements alone.

    \b
    Example:
      photonzero train hjb20
    """


@cli.command()
@click.argument("problem", required=False)
@click.option("--chip", metavar="NAME", help="Design of the chip; the problem has a default.")
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
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    r"""Train a chip on PROBLEM and write a run folder (default: the next number under runs/).

    An interrupted run (Ctrl-C, kill, power cut) continues with --resume and ends with the same bits.
    A finished one continues if --resume comes with a larger budget.

    \b
    Examples:
      photonzero train hjb20
      photonzero train hjb20 --noise harsh --seed 3 --out runs/harsh-3
      photonzero train hjb20 --optimizer rge-adam --derivatives sparse-grid
      photonzero train --resume runs/harsh-3 --max-inferences 10000000
      photonzero train hjb20 --set batch_size=200 --set optimizer.n_directions=20
    """
    from experiments import config as configs
    from experiments.display import TrainingDisplay
    from experiments.errors import UsageError
    from experiments.runs import assemble, execute, load_config, new_folder

    chosen: dict[str, Any] = {
        "chip": chip, "noise": noise, "optimizer": optimizer, "derivatives": derivatives, "seed": seed
    }  # fmt: skip
    if resume is not None:
        fixed = [f"--{key}" for key, value in {**chosen, "out": out, "config": config}.items()
                 if value is not None] + ["--set"] * bool(settings)  # fmt: skip
        if fixed:
            raise UsageError(f"{fixed[0]} with --resume; allowed: limits, --threads, --quiet")
        run_config = load_config(resume)
        if problem is not None and problem != run_config.problem:
            raise UsageError(f"problem: {problem!r}; allowed: {run_config.problem}, as in {resume}")
        folder = resume
    else:
        if config is not None:
            table = configs.read_toml(config)
            if problem is not None and problem != table.get("problem"):
                raise UsageError(f"problem: {problem!r}; {config} is of {table.get('problem')!r}")
            given = [f"--{k}" for k in ("noise", "optimizer", "derivatives") if chosen[k] is not None]
            if given:
                raise UsageError(f"{given[0]} with --config; allowed: --set for single keys")
        elif problem is None:
            raise UsageError("PROBLEM is missing; `photonzero list` shows the names")
        else:
            table = configs.default_table(
                problem, optimizer or "gauss-newton", derivatives or "central", noise or "published"
            )
        for key in ("chip", "seed"):
            if chosen[key] is not None:
                table[key] = chosen[key]
        run_config = configs.resolve(configs.apply_settings(table, settings))
        folder = None
    run_config = configs.with_limits(run_config, max_inferences, steps, target_error)
    # Whatever can be wrong with the parts is found before a folder is made.
    parts = assemble(run_config, threads)
    if folder is None:
        folder = new_folder(out, run_config.problem)
    with TrainingDisplay(run_config, folder, quiet) as display:
        try:
            result = execute(run_config, parts, folder, resume=resume is not None, on_step=display.update)
        except KeyboardInterrupt:
            display.close()
            click.echo(f"interrupted; continue with: photonzero train --resume {folder}", err=True)
            sys.exit(EXIT_INTERRUPTED)
    if not quiet:
        display.summary(result)


@cli.command(name="list")
def list_names() -> None:
    r"""List problems, chips, noise presets, optimizers and derivative rules.

    \b
    Example:
      photonzero list
    """
    from experiments.display import print_names

    print_names()


@cli.command()
@click.argument("name", type=click.Choice(["network"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, last on stdout.")
def bench(name: str, as_json: bool) -> None:
    r"""Measure the simulator's speed against a named baseline, in one run.

    \b
    Example:
      photonzero bench network --json
    """
    from experiments.bench import run_benchmark

    run_benchmark(name, as_json)


@cli.command()
@click.argument("name", type=click.Choice(["hjb20"]))
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-hjb20"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=int, default=50_000_000, help="Budget of the published way.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def tables(name: str, out: Path, seeds: int, max_inferences: int, quiet: bool) -> None:
    r"""Compare methods: a table and a figure of error against inferences, several seeds.

    Finished runs in --out are kept: an interrupted table continues where it stopped.

    \b
    Example:
      photonzero tables hjb20 --seeds 3
    """
    from experiments.compare import compare_hjb20

    compare_hjb20(out, seeds, max_inferences, quiet)


@cli.command()
@click.argument("chip")
@click.option(
    "--inferences", type=click.IntRange(1), metavar="N", help="Also cost a training of N inferences."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, last on stdout.")
def cost(chip: str, inferences: int | None, as_json: bool) -> None:
    r"""Estimate what CHIP costs: MZIs, light, power, latency and energy.

    CHIP is a design (`photonzero list`) or one of onn-1024, tonn-1024, tonn2-1024. The constants and their
    sources are in docs/hardware-cost.md; many are assumptions, and marked so.

    \b
    Examples:
      photonzero cost tonn-1024
      photonzero cost tonn-hjb20 --inferences 3000000 --json
    """
    from experiments.hardware import print_cost

    print_cost(chip, inferences, as_json)

"""`photonzero tables`: one subcommand a comparison; each is the study tables-NAME of `photonzero sweep`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photonzero.experiments.commands.computing import Computing
from photonzero.experiments.commands.exit_codes import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from photonzero.experiments.sweep.table import StudyTable


@click.group()
def tables() -> None:
    """Compare methods: a table and a figure, several seeds.

    Finished runs in --out are kept, with more seeds or rows too; the same command continues one that was
    interrupted.

    \b
    Example:
      photonzero tables hjb20 --seeds 3
    """


def _options(name: str, seeds: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of every comparison."""
    out = Path(f"runs/tables-{name}")
    options = (
        click.option("--out", type=click.Path(path_type=Path), default=out, metavar="DIR", show_default=True),
        click.option(
            "--seeds", type=click.IntRange(1, 100), default=seeds, metavar="N", help="Seeds 0 to N - 1."
        ),
        click.option(
            "--executor",
            type=click.Choice(["serial", "processes", "dask"]),
            default="processes",
            show_default=True,
            help="Where runs are trained; no effect on results.",
        ),
        click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster."),
        click.option("--workers", type=int, metavar="N", help="How many.  [default: one a processor]"),
        click.option("--quiet", is_flag=True, help="Print nothing but errors."),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _run(
    study: str,
    grid: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    seeds: int | None,
    out: Path,
    **how: Any,
) -> StudyTable:
    from photonzero.experiments.studies.registry import find_plan
    from photonzero.experiments.studies.running import run_plan

    chosen = {key: list(values) for key, values in grid.items() if values}
    if seeds is not None:
        chosen["seed"] = list(range(seeds))
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return run_plan(find_plan({"study": study, "grid": chosen, "options": given}), out=out, **how)
    except KeyboardInterrupt:
        click.echo("interrupted; the same command continues", err=True)
        sys.exit(EXIT_INTERRUPTED)


@tables.command(cls=Computing)
@_options("hjb20", 5)
@click.option("--max-inferences", type=int, default=50_000_000, help="Budget of the published way.")
def hjb20(max_inferences: int, **how: Any) -> None:
    """HJB-20: forward-only Gauss-Newton against the published way.

    \b
    Example:
      photonzero tables hjb20 --seeds 3 --max-inferences 100000000
    """
    _run("tables-hjb20", {}, {"max_inferences": max_inferences}, **how)


@tables.command(cls=Computing)
@click.argument("names", nargs=-1)
@_options("problems", 3)
def problems(names: tuple[str, ...], **how: Any) -> None:
    """Train every PDE of the library, or NAMES, on its default chip with published noise.

    \b
    Examples:
      photonzero tables problems --seeds 3
      photonzero tables problems heat burgers --seeds 1
    """
    _run("tables-problems", {"problem": names}, {}, **how)


@tables.command(cls=Computing)
@click.argument("rows", nargs=-1)
@_options("optics", 5)
@click.option("--data", metavar="DIR", help="Folder of MNIST's files; otherwise PHOTONZERO_DATA.")
def optics(rows: tuple[str, ...], data: str | None, **how: Any) -> None:
    """What optics learn layer by layer, against frozen ones, on all ROWS or on some; ROW/frozen is one run.

    \b
    Examples:
      photonzero tables optics
      photonzero tables optics helmholtz-detector black-scholes/layered --seeds 2
    """
    from photonzero.experiments.tables.optics import runs_of

    _run("tables-optics", {"run": runs_of(rows)}, {"data": data and str(Path(data).absolute())}, **how)


@tables.command(cls=Computing)
@_options("stencils", 3)
@click.option("--max-inferences", type=click.IntRange(1), default=500_000, help="Budget of a training.")
def stencils(max_inferences: int, **how: Any) -> None:
    """Every derivative rule: errors of u_x, u_xx, residual and of training, at three noises.

    \b
    Example:
      photonzero tables stencils --seeds 3
    """
    _run("tables-stencils", {}, {"max_inferences": max_inferences}, **how)


@tables.command(cls=Computing)
@click.argument("problems", nargs=-1)
@_options("optimizers", 5)
@click.option("--noise", default="published", metavar="PRESET|FILE.toml", help="Imperfections.")
@click.option("--max-inferences", type=click.IntRange(1), default=3_000_000, help="Budget of a run.")
@click.option("--tune", is_flag=True, help="Choose step sizes on other seeds instead, by validation error.")
def optimizers(
    problems: tuple[str, ...], noise: str, max_inferences: int, tune: bool, out: Path, seeds: int, **how: Any
) -> None:
    """Every optimizer at equal inferences, on hjb20 and black-scholes or PROBLEMS.

    \b
    Examples:
      photonzero tables optimizers
      photonzero tables optimizers black-scholes --noise published-detector --seeds 3
    """
    from photonzero.experiments.tables.optimizers import chosen_in, keep_choice

    grid, options = {"problem": problems}, {"noise": noise, "max_inferences": max_inferences}
    if tune:
        table = _run("tables-optimizers-tuning", grid, options, seeds=None, out=out / "tuning", **how)
        click.echo(keep_choice(out, noise, table))
        return
    tuned = {key: value for key, value in chosen_in(out, noise).items() if not problems or key in problems}
    _run("tables-optimizers", grid, {**options, "tuned": tuned}, seeds=seeds, out=out, **how)


@tables.command(cls=Computing)
@click.argument("rows", nargs=-1)
@_options("mnist", 3)
@click.option("--data", metavar="DIR", help="Folder of the IDX files; otherwise PHOTONZERO_DATA.")
@click.option("--tune", is_flag=True, help="Choose step sizes on another seed instead, by validation error.")
@click.option("--max-inferences", type=click.IntRange(1), default=400_000, help="Budget of a run of --tune.")
def mnist(
    rows: tuple[str, ...],
    data: str | None,
    tune: bool,
    max_inferences: int,
    out: Path,
    seeds: int,
    **how: Any,
) -> None:
    """MNIST: exact gradients against every forward-only way, dense, tensor-train, optical and int8; or ROWS.

    \b
    Examples:
      photonzero tables mnist --data DIR
      photonzero tables mnist gauss-newton-tt hybrid-tt --seeds 1
    """
    grid = {"row": rows}
    options: dict[str, Any] = {"data": data and str(Path(data).absolute())}
    if tune:
        options["max_inferences"] = max_inferences
        table = _run("tables-mnist-tuning", grid, options, seeds=None, out=out / "tuning", **how)
        click.echo({row["row"]: row["value"] for row in table.rows()})
        return
    _run("tables-mnist", grid, options, seeds=seeds, out=out, **how)


@tables.command(cls=Computing)
@click.argument("problems", nargs=-1)
@_options("compression", 3)
@click.option("--max-inferences", type=click.IntRange(1), default=1_000_000, help="Budget of a run.")
@click.option("--estimates", type=click.IntRange(2), default=40, metavar="N", help="For the variance.")
def compression(problems: tuple[str, ...], max_inferences: int, estimates: int, **how: Any) -> None:
    """Tensor trains against dense layers, on black-scholes and digits or PROBLEMS.

    \b
    Example:
      photonzero tables compression black-scholes --seeds 3
    """
    options = {"max_inferences": max_inferences, "estimates": estimates}
    _run("tables-compression", {"problem": problems}, options, **how)


@tables.command(cls=Computing)
@click.argument("problem", default="black-scholes")
@_options("ranks", 3)
@click.option("--ranks", default="1,2,4", metavar="R,R,..", help="Tried one by one, and grown through.")
@click.option("--max-inferences", type=click.IntRange(1), default=1_000_000, help="Budget of a run.")
@click.option("--optimizer", default="gauss-newton", metavar="NAME")
def ranks(problem: str, ranks: str, max_inferences: int, optimizer: str, **how: Any) -> None:
    """Tensor trains of fixed ranks, and one that grows from the first rank when it stalls.

    \b
    Example:
      photonzero tables ranks black-scholes --ranks 1,2,4
    """
    from photonzero.experiments.files.errors import UsageError

    parts = ranks.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise UsageError(f"--ranks: {ranks!r}; allowed: numbers with commas between them")
    numbers = [int(part) for part in parts]
    grid = {"network": [*(f"rank {rank}" for rank in numbers), "growing"]}
    options = {"problem": problem, "optimizer": optimizer, "ranks": numbers, "max_inferences": max_inferences}
    _run("tables-ranks", grid, options, **how)

"""`photonzero tables`: one subcommand a comparison."""

from __future__ import annotations

from pathlib import Path

import click

from photonzero.experiments.commands.computing import Computing


@click.group()
def tables() -> None:
    """Compare methods: a table and a figure, several seeds.

    Finished runs in --out are kept: an interrupted table continues where it stopped.

    \b
    Example:
      photonzero tables hjb20 --seeds 3
    """


@tables.command(cls=Computing)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-hjb20"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=int, default=50_000_000, help="Budget of the published way.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def hjb20(out: Path, seeds: int, max_inferences: int, quiet: bool) -> None:
    """HJB-20: forward-only Gauss-Newton against the published way.

    \b
    Example:
      photonzero tables hjb20 --seeds 3 --max-inferences 100000000
    """
    from photonzero.experiments.tables.hjb20 import compare_hjb20

    compare_hjb20(out, seeds, max_inferences, quiet)


@tables.command(cls=Computing)
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-problems"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def problems(names: tuple[str, ...], out: Path, seeds: int, quiet: bool) -> None:
    """Train every PDE of the library, or NAMES, on its default chip with published noise.

    \b
    Examples:
      photonzero tables problems --seeds 3
      photonzero tables problems heat burgers --seeds 1
    """
    from photonzero.experiments.tables.problems import tabulate_problems

    tabulate_problems(out, seeds, names, quiet)


@tables.command(cls=Computing)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-stencils"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=click.IntRange(1), default=500_000, help="Budget of a training.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def stencils(out: Path, seeds: int, max_inferences: int, quiet: bool) -> None:
    """Every derivative rule: errors of u_x, u_xx, residual and of training, at three noises.

    \b
    Example:
      photonzero tables stencils --seeds 3
    """
    from photonzero.experiments.tables.stencils import tabulate_stencils

    tabulate_stencils(out, seeds, max_inferences, quiet)


@tables.command(cls=Computing)
@click.argument("problems", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-optimizers"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--noise", default="published", metavar="PRESET|FILE.toml", help="Imperfections.")
@click.option("--max-inferences", type=click.IntRange(1), default=3_000_000, help="Budget of a run.")
@click.option("--tune", is_flag=True, help="Choose step sizes on other seeds instead, by validation error.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def optimizers(
    problems: tuple[str, ...],
    out: Path,
    seeds: int,
    noise: str,
    max_inferences: int,
    tune: bool,
    quiet: bool,
) -> None:
    """Every optimizer at equal inferences, on hjb20 and black-scholes or PROBLEMS.

    \b
    Examples:
      photonzero tables optimizers
      photonzero tables optimizers black-scholes --noise published-detector --seeds 3
    """
    from photonzero.experiments.tables import optimizers as optimizer_table

    chosen = problems or ("hjb20", "black-scholes")
    if tune:
        found = optimizer_table.tune(out, chosen, noise, max_inferences, quiet)
        click.echo(found)
        return
    optimizer_table.compare_optimizers(out, chosen, seeds, noise, max_inferences, quiet)


@tables.command(cls=Computing)
@click.argument("rows", nargs=-1)
@click.option("--data", metavar="DIR", help="Folder of the IDX files; otherwise PHOTONZERO_DATA.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-mnist"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--tune", is_flag=True, help="Choose step sizes on another seed instead, by validation error.")
@click.option("--max-inferences", type=click.IntRange(1), default=400_000, help="Budget of a run of --tune.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def mnist(
    rows: tuple[str, ...],
    data: str | None,
    out: Path,
    seeds: int,
    tune: bool,
    max_inferences: int,
    quiet: bool,
) -> None:
    """MNIST: exact gradients against every forward-only way, dense, tensor-train, optical and int8; or ROWS.

    \b
    Examples:
      photonzero tables mnist --data DIR
      photonzero tables mnist gauss-newton-tt hybrid-tt --seeds 1
    """
    from photonzero.experiments.tables import mnist as mnist_table

    if tune:
        click.echo(mnist_table.tune(out / "tuning", rows, data, max_inferences, quiet))
        return
    mnist_table.tabulate_mnist(out, seeds, rows, data, quiet)


@tables.command(cls=Computing)
@click.argument("problems", nargs=-1)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/tables-compression"), metavar="DIR"
)
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=click.IntRange(1), default=1_000_000, help="Budget of a run.")
@click.option("--estimates", type=click.IntRange(2), default=40, metavar="N", help="For the variance.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def compression(
    problems: tuple[str, ...], out: Path, seeds: int, max_inferences: int, estimates: int, quiet: bool
) -> None:
    """Tensor trains against dense layers, on black-scholes and digits or PROBLEMS.

    \b
    Example:
      photonzero tables compression black-scholes --seeds 3
    """
    from photonzero.experiments.tables.compression import compare_compression

    chosen = problems or ("black-scholes", "digits")
    compare_compression(out, chosen, seeds, max_inferences, estimates, quiet)


@tables.command(cls=Computing)
@click.argument("problem", default="black-scholes")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-ranks"), metavar="DIR")
@click.option("--ranks", default="1,2,4", metavar="R,R,..", help="Tried one by one, and grown through.")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=click.IntRange(1), default=1_000_000, help="Budget of a run.")
@click.option("--optimizer", default="gauss-newton", metavar="NAME")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def ranks(
    problem: str, out: Path, ranks: str, seeds: int, max_inferences: int, optimizer: str, quiet: bool
) -> None:
    """Tensor trains of fixed ranks, and one that grows from the first rank when it stalls.

    \b
    Example:
      photonzero tables ranks black-scholes --ranks 1,2,4
    """
    from photonzero.experiments.files.errors import UsageError
    from photonzero.experiments.tables.ranks import compare_ranks

    parts = ranks.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise UsageError(f"--ranks: {ranks!r}; allowed: numbers with commas between them")
    compare_ranks(out, problem, tuple(int(part) for part in parts), seeds, max_inferences, optimizer, quiet)

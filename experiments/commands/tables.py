"""`photonzero tables`: one subcommand a comparison."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def tables() -> None:
    r"""Compare methods: a table and a figure, several seeds.

    Finished runs in --out are kept: an interrupted table continues where it stopped.

    \b
    Example:
      photonzero tables hjb20 --seeds 3
    """


@tables.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-hjb20"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=5, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--max-inferences", type=int, default=50_000_000, help="Budget of the published way.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def hjb20(out: Path, seeds: int, max_inferences: int, quiet: bool) -> None:
    r"""HJB-20: forward-only Gauss-Newton against the published way.

    \b
    Example:
      photonzero tables hjb20 --seeds 3 --max-inferences 100000000
    """
    from experiments.compare import compare_hjb20

    compare_hjb20(out, seeds, max_inferences, quiet)


@tables.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-problems"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def problems(names: tuple[str, ...], out: Path, seeds: int, quiet: bool) -> None:
    r"""Train every PDE of the library, or NAMES, on its default chip with published noise.

    \b
    Examples:
      photonzero tables problems --seeds 3
      photonzero tables problems heat burgers --seeds 1
    """
    from experiments.problem_table import tabulate_problems

    tabulate_problems(out, seeds, names, quiet)


@tables.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/tables-stencils"), metavar="DIR")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, metavar="N", help="Seeds 0 to N - 1.")
@click.option("--steps", type=click.IntRange(1, 1000), default=3, metavar="N", help="Steps of training.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def stencils(out: Path, seeds: int, steps: int, quiet: bool) -> None:
    r"""Every derivative rule: errors of u_x, u_xx and residual, and HJB-20 trained, at three noises.

    \b
    Example:
      photonzero tables stencils --seeds 3
    """
    from experiments.stencil_table import tabulate_stencils

    tabulate_stencils(out, seeds, steps, quiet)

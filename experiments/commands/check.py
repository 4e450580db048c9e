"""`photonzero check`."""

from __future__ import annotations

import click

from photonzero.experiments.commands.computing import Computing


@click.command(cls=Computing)
@click.argument("problem")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def check(problem: str, quiet: bool) -> None:
    """Verify that PROBLEM's reference satisfies its own PDE and conditions.

    Without a chip: the reference's derivatives are taken by fourth-order differences. The residual of each
    equation is stated relative to the size of its parts. Exit code 2 if one is too large.

    \b
    Examples:
      photonzero check burgers
      photonzero check my_pde.py:MyProblem
    """
    from photonzero.experiments.tasks.verify import check_problem

    check_problem(problem, quiet)

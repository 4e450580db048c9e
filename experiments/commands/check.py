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
    from rich.console import Console
    from rich.table import Table

    from photonzero.experiments.files.errors import UsageError
    from photonzero.training.objective.verify import verify_reference
    from photonzero.training.problems import get_problem

    pde = get_problem(problem)
    found = verify_reference(pde)
    if not quiet:
        table = Table(box=None, pad_edge=False)
        for column in ("term", "relative residual", "allowed"):
            table.add_column(column)
        for row in found:
            table.add_row(row.term, f"{row.relative:.1e}", f"{row.tolerance:.0e}")
        console = Console(highlight=False)
        console.print(table)
        error = pde.reference_error
        console.print(f"error of the reference itself: {f'{error:.0e}' if error else 'rounding'}")
    wrong = [row for row in found if not row.agrees]
    if wrong:
        raise UsageError(
            f"{pde.name}: the reference does not satisfy {wrong[0].term} "
            f"(relative residual {wrong[0].relative:.1e}); allowed: {wrong[0].tolerance:.0e}"
        )

"""`photonzero check`: a problem against itself."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from photonzero.experiments.files.errors import UsageError
from photonzero.training.objective.verify import verify_reference
from photonzero.training.problems import get_problem


def check_problem(name: str, quiet: bool) -> None:
    """Print how well a reference satisfies its PDE and conditions.

    Args:
        name: of the problem, or "file.py:Class".
        quiet: print nothing.

    Raises:
        UsageError: the reference disagrees with the PDE or a condition.
        TrainingError: an unknown problem, or one that cannot be used.
    """
    problem = get_problem(name)
    found = verify_reference(problem)
    if not quiet:
        table = Table(box=None, pad_edge=False)
        for column in ("term", "relative residual", "allowed"):
            table.add_column(column)
        for row in found:
            table.add_row(row.term, f"{row.relative:.1e}", f"{row.tolerance:.0e}")
        console = Console(highlight=False)
        console.print(table)
        error = problem.reference_error
        console.print(f"error of the reference itself: {f'{error:.0e}' if error else 'rounding'}")
    wrong = [row for row in found if not row.agrees]
    if wrong:
        raise UsageError(
            f"{problem.name}: the reference does not satisfy {wrong[0].term} "
            f"(relative residual {wrong[0].relative:.1e}); allowed: {wrong[0].tolerance:.0e}"
        )

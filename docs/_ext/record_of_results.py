"""The directive `record-of-results`: the files in docs/results, and the commit that measured each."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[1] / "results"


def commit_of(path: Path) -> tuple[str, str]:
    """Short hash and day of the commit that changed a file last; twice "-" outside of a repository."""
    asked = ["git", "log", "-1", "--format=%h %cs", "--follow", "--diff-filter=AM", "--", path.name]
    answer = subprocess.run(asked, cwd=path.parent, capture_output=True, text=True).stdout.split()
    return (answer[0], answer[1]) if len(answer) == 2 else ("-", "-")


class RecordOfResults(SphinxDirective):
    """A table: file, rows, commit, day."""

    def run(self) -> list[nodes.Node]:
        """What stands in its place."""
        rows = ["| file | runs | commit | day |", "|---|---|---|---|"]
        for path in sorted(RESULTS.glob("*.csv")):
            self.env.note_dependency(str(path))
            with path.open(encoding="utf-8", newline="") as file:
                n = sum(1 for _ in csv.reader(file)) - 1
            rows.append(f"| [{path.name}]({path.name}) | {n} | {' | '.join(commit_of(path))} |")
        return self.parse_text_to_nodes("\n".join(rows))


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_directive("record-of-results", RecordOfResults)
    return {"parallel_read_safe": True}

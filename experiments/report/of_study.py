"""The page of a study."""

from __future__ import annotations

from pathlib import Path

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.report.page import (
    code,
    folded,
    made_by,
    page,
    paragraph,
    picture,
    read_result,
    section,
    table,
)
from photonzero.experiments.studies.registry import load_plan
from photonzero.experiments.sweep.figures import FIGURES, summarise
from photonzero.experiments.sweep.folder import PLAN, RESULT
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Row
from photonzero.experiments.sweep.table import read_table
from photonzero.experiments.sweep.work import FAILURE

_SHOWN = 30
"""Lines of a table that are shown at once; the rest unfolds."""


def study_page(folder: Path) -> str:
    """HTML of a finished study.

    Raises:
        UsageError: not finished, or damaged.
    """
    plan = load_plan(folder)
    result = read_result(folder / RESULT, "study")
    rows = read_table(folder, plan).rows()
    figures = [picture(_figure(folder, one["name"]), one["caption"]) for one in result["figures"]]
    lead = (
        f"{plan.size_text.replace(' x ', ' × ')}, {result['failed']} of which failed; "
        f"measured in {result['wall_s']:.0f} s."
    )
    return page(
        f"Study {plan.study.name}",
        lead,
        (
            section("What", paragraph(plan.study.summary)),
            section("Figures", *figures),
            *(section(f"Table: {m.label}", _summary(plan, rows, m.name)) for m in plan.study.measured),
            section("Failed samples", _failures(plan, rows)),
            section(
                "How to repeat it",
                paragraph(
                    "Save the configuration below as study.toml. The table comes out the same, bit for bit, "
                    "on any executor and any number of workers of this kind of machine."
                ),
                code("photonzero sweep study.toml --out repeated"),
            ),
            section("Configuration", code((folder / PLAN).read_text(encoding="utf-8"))),
            section("Made by", made_by(result)),
        ),
    )


def _figure(folder: Path, name: str) -> Path:
    """A figure that result.json names, wherever that came from: in the folder of figures and nowhere else."""
    file = f"{name}.png"
    if Path(file).name != file or "\0" in file:
        raise UsageError(f"{folder / RESULT}: figure {name!r}; allowed: the name of a file in {FIGURES}")
    return folder / FIGURES / file


def _summary(plan: Plan, rows: list[Row], column: str) -> str:
    """Median and band for each setting; axes with one value are left out."""
    varied = plan.varied or list(plan.grid)[:1]
    lines = [
        [*(line[name] for name in varied), line["n"], line["median"], line["low"], line["high"]]
        for line in summarise(rows, varied, column)
    ]
    header = (*varied, "samples", "median", "10th percentile", "90th percentile")
    return _long_table(header, lines)


def _failures(plan: Plan, rows: list[Row]) -> str:
    failed = [row for row in rows if row[FAILURE]]
    if not failed:
        return ""
    columns = (*plan.grid, *(("chip", "seed") if plan.study.repeated else ()), FAILURE)
    return _long_table(columns, [[row[name] for name in columns] for row in failed])


def _long_table(header: tuple[str, ...], lines: list[list]) -> str:
    if len(lines) <= _SHOWN:
        return table(header, lines) if lines else ""
    rest = folded(f"{len(lines) - _SHOWN} more lines", table(header, lines[_SHOWN:]))
    return table(header, lines[:_SHOWN]) + rest

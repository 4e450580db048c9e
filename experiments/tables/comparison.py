"""Comparisons: studies of trainings whose rows become a CSV, learning curves and a table on the terminal."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.studies.networks import error_label
from photonzero.experiments.studies.training import kept, training_study
from photonzero.experiments.sweep.figures import FIGURES
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Row, Sample, Study
from photonzero.training.oracle import Array

Line = dict[str, Any]
"""A line of a comparison's CSV."""


@dataclass(frozen=True)
class Finished:
    """A training that has ended.

    Attributes:
        row: its setting and what was measured, as in table.csv.
        kept: its arrays, the history among them, and its times.
    """

    row: Row
    kept: Mapping[str, Array]

    @property
    def history(self) -> Array:
        """(steps, 5), columns `photonzero.training.trainer.HISTORY_COLUMNS`."""
        return self.kept["history"]

    @property
    def wall_s(self) -> float:
        """Time of the training [s], which differs from run to run."""
        return float(self.kept["wall_s"])


Draw = Callable[[Plan, Sequence[Finished], Path], str]
"""Draws a figure at a path and gives its caption."""


def comparison(
    name: str,
    summary: str,
    axes: tuple[Axis, ...],
    config_of: Callable[[Sample], RunConfig],
    *,
    line_of: Callable[[Plan, Finished], Line],
    printed: Callable[[list[Line]], Any],
    figure: Draw | None = None,
    notes: Callable[[Plan, Path], list[str]] = lambda plan, folder: [],
    **more: Any,
) -> Study:
    """A study of trainings that writes NAME.csv and figures/NAME.png besides its table.

    Args:
        name: what `photonzero tables` calls it; the study is "tables-NAME".
        summary: one line.
        axes: what it varies.
        config_of: the run of a sample.
        line_of: the line of the CSV that a training becomes.
        printed: what the terminal shows of all lines.
        figure: draws them.
        notes: further lines for the terminal; what they take long to find they keep in the folder.
        **more: further attributes of the `Study`.
    """

    def finished(plan: Plan, rows: Iterable[Row], folder: Path) -> list[Finished]:
        return [Finished(row, kept(plan, row, folder)) for row in rows]

    def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
        done = finished(plan, rows, folder)
        lines = [line_of(plan, one) for one in done]
        write_csv(folder / f"{name}.csv", list(lines[0]), lines)
        notes(plan, folder)
        if figure is None:
            return []
        return [Drawing(name, figure(plan, done, folder / FIGURES / f"{name}.png"))]

    def shown(plan: Plan, rows: list[Row], folder: Path) -> Any:
        lines = [line_of(plan, one) for one in finished(plan, rows, folder)]
        return Group(printed(lines), *notes(plan, folder))

    return training_study(f"tables-{name}", summary, axes, config_of, draw=draw, printed=shown, **more)


def learning_curves(
    label_of: Callable[[Row], str],
    *,
    by_problem: bool = False,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    size_in: tuple[float, float] = (5.0, 3.4),
    **legend: Any,
) -> Draw:
    """A figure of validation error against inferences, median and range of all seeds for each label.

    Args:
        label_of: from a row to the line that it belongs to.
        by_problem: a panel for each problem; else one for all.
        styles: what matplotlib is told of a line.
        size_in: width and height of a panel [inch].
        **legend: what it is told of the legend, of the last panel and of those with other lines.
    """

    def draw(plan: Plan, done: Sequence[Finished], path: Path) -> str:
        # Drawing libraries take a second to load, which workers need not spend.
        from photonzero.experiments.drawing.curves import add_legend, draw_learning_curves
        from photonzero.experiments.drawing.style import figure

        problems = plan.grid["problem"] if by_problem else ("",)
        with figure(path, size_in[0] * len(problems), size_in[1]) as drawn:
            panels = drawn.subplots(1, len(problems), squeeze=False)[0]
            for axes, problem in zip(panels, problems, strict=True):
                own = [one for one in done if not by_problem or one.row["problem"] == problem]
                draw_learning_curves(axes, curves_by(own, label_of), styles=styles)
                axes.set_title(problem)
                # What an error is differs from problem to problem.
                what = {error_label(one.row["problem"]) for one in own if "problem" in one.row}
                axes.set_ylabel(f"validation error ({what.pop()})" if len(what) == 1 else "validation error")
            names = [axes.get_legend_handles_labels()[1] for axes in panels]
            for axes, own_names in zip(panels, names, strict=True):
                if axes is panels[-1] or own_names != names[-1]:
                    add_legend(axes, **legend)
        return (
            f"{plan.study.summary} Median and range of {len(plan.grid['seed'])} seeds of chip and training; "
            "of many lines the range is a stroke at the end."
        )

    return draw


def curves_by(done: Iterable[Finished], label_of: Callable[[Row], str]) -> dict[str, list[Array]]:
    """Histories of the trainings that share a label, in the order of the labels."""
    curves: dict[str, list[Array]] = {}
    for one in done:
        curves.setdefault(label_of(one.row), []).append(one.history)
    return curves


def read_lines(path: Path) -> list[Line]:
    """The lines of a comparison's CSV, numbers as numbers."""
    with path.open(encoding="utf-8") as file:
        return [{key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def grouped(lines: Iterable[Line], *keys: str) -> dict[tuple[Any, ...], list[Line]]:
    """Lines with equal values of some columns, such as those of all seeds, in the order of the lines."""
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in keys), []).append(line)
    return groups


def median(lines: Sequence[Line], column: str) -> float:
    """Median of a column."""
    return float(np.median([line[column] for line in lines]))


def spread(lines: Sequence[Line], column: str, form: str = ".2e") -> list[str]:
    """Median, lowest and highest value of a column."""
    values = np.array([line[column] for line in lines], dtype=float)
    return [format(value, form) for value in (np.median(values), values.min(), values.max())]


def terminal_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table for the terminal."""
    table = Table(box=None, pad_edge=False)
    for column in header:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for the manual."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(line)} |" if k != 1 else f"|{'|'.join(line)}|" for k, line in enumerate(lines)
    )

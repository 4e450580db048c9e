"""Figures of studies: medians and bands, heat maps; PNG and PDF, the data as CSV beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.sweep.study import Row, Study

FIGURES = "figures"

_BAND = (10.0, 90.0)
"""Percentiles between which a band is drawn."""

BAND_TEXT = "median, band from the 10th to the 90th percentile"

_LOG_RATIO = 9.99
"""Axes whose values span at least this ratio are logarithmic."""

_MARKERS = "osD^vPX*"

_LEGEND_INSIDE = 3
"""A legend with more lines goes below the figure, where it hides nothing."""

_LEGEND_LINE_IN = 0.2

_LETTERS_A_VALUE = 24
"""Of longer text, such as a path, the end is shown."""

_LETTERS_A_PANEL = 52
"""Letters of a legend in the width of one panel."""

_PANEL_IN, _MAP_IN = 3.6, 3.1
"""Width of a panel, and height of a map."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes: a measured column against an axis of the study.

    Attributes:
        x: axis along.
        y: measured column.
        lines: axes whose values make lines of their own.
        title: above it.
        y_of: what is plotted of a measured value; None for itself.
        y_label: of that, where `y_of` is given.
        y_log: logarithmic; None decides by the values.
        references: further lines, (label, x, y).
        where: shows only rows with these values.
    """

    x: str
    y: str
    lines: tuple[str, ...] = ()
    title: str = ""
    y_of: Callable[[Any], Any] | None = None
    y_label: str = ""
    y_log: bool | None = None
    references: tuple[tuple[str | None, Any, Any], ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)


def good(rows: Sequence[Row], *columns: str) -> list[Row]:
    """Rows that hold a value in these columns: failed samples do not."""
    return [row for row in rows if all(row[column] is not None for column in columns)]


def values_of(rows: Sequence[Row], column: str) -> list[Any]:
    """Different values of a column, in the order of the table."""
    return list(dict.fromkeys(row[column] for row in rows))


def summarise(rows: Sequence[Row], by: Sequence[str], column: str) -> list[dict[str, Any]]:
    """Median and band of a column for each combination of other columns, in the order of the table."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in good(rows, column):
        groups.setdefault(tuple(row[key] for key in by), []).append(row[column])
    summary = []
    for key, values in groups.items():
        low, high = np.percentile(values, _BAND)
        statistics = {"median": np.median(values), "low": low, "high": high, "mean": np.mean(values)}
        numbers = {name: float(value) for name, value in statistics.items()}
        summary.append({**dict(zip(by, key, strict=True)), "n": len(values), **numbers})
    return summary


def write_data(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """The data of a figure, as figures/NAME.csv."""
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    write_csv(folder / FIGURES / f"{name}.csv", list(rows[0]) if rows else [], rows)


def draw_panels(
    folder: Path,
    name: str,
    study: Study,
    rows: Sequence[Row],
    panels: Sequence[Panel],
    *,
    height_in: float = 2.6,
) -> None:
    """Panels side by side, a median line with its band for each line; figures/NAME.png, .pdf and .csv.

    Args:
        folder: of the study.
        name: of the figure.
        study: for its labels.
        rows: of the table.
        panels: at least one, two for the width of a page.
        height_in: of the figure [inch].
    """
    # Drawing libraries take a second to load, which workers need not spend.
    from photonzero.experiments.drawing.style import figure

    data: list[dict[str, Any]] = []
    with figure(folder / FIGURES / f"{name}.png", _PANEL_IN * len(panels), height_in, pdf=True) as drawn:
        for axes, panel in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            summary = summarise(_where(rows, panel.where), (*panel.lines, panel.x), panel.y)
            data += [{"column": panel.y, **panel.where, **line} for line in summary]
            _draw_panel(axes, study, panel, summary, height_in)
        _draw_legend(drawn)
    write_data(folder, name, _same_columns(data))


def _where(rows: Sequence[Row], values: Mapping[str, Any]) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def _same_columns(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(key for line in data for key in line))
    return [{key: line.get(key, "") for key in names} for line in data]


def _draw_panel(
    axes: Any, study: Study, panel: Panel, summary: list[dict[str, Any]], height_in: float
) -> None:
    from photonzero.experiments.drawing.curves import draw_band
    from photonzero.experiments.drawing.style import PALETTE, name_decades, wrapped

    of = panel.y_of or (lambda value: value)
    shown: list[float] = []
    keys = list(dict.fromkeys(tuple(line[key] for key in panel.lines) for line in summary))
    # An axis with one value needs no mention.
    varied = [k for k in range(len(panel.lines)) if len({key[k] for key in keys}) > 1]
    for number, key in enumerate(keys):
        own = [line for line in summary if tuple(line[part] for part in panel.lines) == key]
        x = [_place(study, panel.x, line[panel.x]) for line in own]
        middle, low, high = (of(np.array([line[part] for line in own])) for part in ("median", "low", "high"))
        shown += [*middle, *low, *high]
        color = PALETTE[number % len(PALETTE)]
        label = ", ".join(line_label(study, panel.lines[k], key[k]) for k in varied)
        marker = _MARKERS[number % len(_MARKERS)]
        draw_band(axes, x, low, middle, high, color=color, marker=marker, markersize=3, label=label or None)
    for label, x, y in panel.references:
        axes.plot(x, y, color="black", linestyle="--", linewidth=0.9, label=label)
    scale(axes, "x", [line[panel.x] for line in summary])
    if panel.y_log or (panel.y_log is None and _is_wide(shown)):
        axes.set_yscale("log")
        name_decades(axes.yaxis, *axes.get_ylim())
    axes.set_xlabel(wrapped(study.label(panel.x), _PANEL_IN - 0.6))
    axes.set_ylabel(wrapped(panel.y_label or study.label(panel.y), height_in - 0.6))
    axes.set_title(panel.title)


def _draw_legend(drawn: Any) -> None:
    """One legend below panels that share their lines or have many; else one in each that has any."""
    lines: dict[str, Any] = {}
    labelled = 0
    for axes in drawn.axes:
        handles, labels = axes.get_legend_handles_labels()
        labelled += bool(labels)
        lines |= dict(zip(labels, handles, strict=True))
    if len(lines) <= _LEGEND_INSIDE and labelled < 2:
        for axes in drawn.axes:
            if axes.get_legend_handles_labels()[1]:
                axes.legend()
        return
    columns = _LETTERS_A_PANEL * len(drawn.axes) // (max(map(len, lines)) + 7)
    columns = min(max(1, columns), len(lines))
    width, height = drawn.get_size_inches()
    drawn.set_size_inches(width, height + _LEGEND_LINE_IN * -(-len(lines) // columns))
    drawn.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=columns)


def line_label(study: Study, axis: str, value: Any) -> str:
    """How a legend names a value of an axis: text, cut if long, numbers with what they are and their unit."""
    if not _is_number(value):
        text = str(value)
        return text if len(text) <= _LETTERS_A_VALUE else f"…{text[1 - _LETTERS_A_VALUE :]}"
    name, _, unit = study.label(axis).partition(" [")
    return f"{name} = {value:g} {unit.rstrip(']')}".rstrip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(study: Study, axis: str, value: Any) -> Any:
    """Where a value of an axis is drawn: a number, or the text of a category."""
    return value if _is_number(value) else line_label(study, axis, value)


def _is_wide(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > _LOG_RATIO * min(values)


def scale(axes: Any, which: str, values: Sequence[Any]) -> None:
    """A logarithmic axis where the values ask for it; with a linear piece around 0 if that is one of them."""
    set_scale = getattr(axes, f"set_{which}scale")
    positive = [value for value in values if _is_number(value) and value > 0]
    if len(positive) < len(values) and positive and min(values) == 0 and _is_wide(positive):
        set_scale("symlog", linthresh=min(positive))
    elif len(positive) == len(values) and _is_wide(positive):
        # The numbers of an axis are chosen by its whole length.
        from photonzero.experiments.drawing.style import name_decades

        set_scale("log")
        name_decades(getattr(axes, f"{which}axis"), *getattr(axes, f"get_{which}lim")())


@dataclass(frozen=True)
class HeatMap:
    """One map: the median of a measured column over two axes of the study.

    Attributes:
        x: axis along.
        y: axis upwards.
        value: measured column.
        title: above it.
        limits: values of the first and the last colour, so that maps side by side compare; None fits them.
        where: shows only rows with these values.
    """

    x: str
    y: str
    value: str
    title: str = ""
    limits: tuple[float, float] | None = None
    where: Mapping[str, Any] = field(default_factory=dict)


def draw_heat_maps(
    folder: Path, name: str, study: Study, rows: Sequence[Row], maps: Sequence[HeatMap]
) -> None:
    """Heat maps side by side, each cell with its number; figures/NAME.png, .pdf and .csv."""
    # Drawing libraries take a second to load, which workers need not spend.
    from photonzero.experiments.drawing.style import figure, wrapped

    data: list[dict[str, Any]] = []
    with figure(folder / FIGURES / f"{name}.png", _PANEL_IN * len(maps), _MAP_IN, pdf=True) as drawn:
        for axes, one in zip(drawn.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
            own = _where(rows, one.where)
            summary = summarise(own, (one.x, one.y), one.value)
            data += [{"column": one.value, **one.where, **cell} for cell in summary]
            columns, lines = values_of(own, one.x), values_of(own, one.y)
            cells = np.full((len(lines), len(columns)), np.nan)
            for cell in summary:
                cells[lines.index(cell[one.y]), columns.index(cell[one.x])] = cell["median"]
            low, high = one.limits or (np.nanmin(cells), np.nanmax(cells))
            axes.imshow(cells, origin="lower", aspect="auto", cmap="viridis", vmin=low, vmax=high)
            middle = 0.5 * (low + high)
            for (line, column), value in np.ndenumerate(cells):
                if np.isfinite(value):
                    color = "black" if value > middle else "white"
                    text = f"{value:.2g}" if value < 0.995 else f"{value:.3g}"
                    axes.text(column, line, text, ha="center", va="center", fontsize=6, color=color)
            axes.set_xticks(range(len(columns)), [f"{value:g}" for value in columns], rotation=45)
            axes.set_yticks(range(len(lines)), [f"{value:g}" for value in lines])
            axes.grid(visible=False)
            axes.set_xlabel(wrapped(study.label(one.x), _PANEL_IN - 0.6))
            axes.set_ylabel(wrapped(study.label(one.y), _MAP_IN - 0.8))
            axes.set_title(one.title or study.label(one.value))
    write_data(folder, name, _same_columns(data))

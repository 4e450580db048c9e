"""One look for all figures, chosen to be read in a two-column paper and without colour vision."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from photonzero.training.checkpoint import write_atomically

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
"""From the palette of Okabe and Ito, distinguishable with any colour vision."""

PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000", GREY)
"""Colours of lines, in the order in which figures take them."""

_LETTERS_AN_INCH = 14
"""Of the size of titles and labels."""

_STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    # Text in a PDF stays text, in fonts that publishers accept.
    "pdf.fonttype": 42,
}


class Picture(Figure):
    """A figure that a notebook shows where it is returned; ``savefig`` writes it elsewhere."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


@contextmanager
def picture(width_in: float, height_in: float) -> Iterator[Picture]:
    """A figure to draw on in the project's style.

    Nothing of matplotlib's state is used or changed: it is not among the figures of pyplot, and a notebook's
    or a window's way to show those stays what it is.

    Args:
        width_in: width [inch]; a column of a two-column paper has 3.5, a page 7.2.
        height_in: height [inch].
    """
    with matplotlib.rc_context(_STYLE):
        yield Picture(figsize=(width_in, height_in), layout="constrained")


@contextmanager
def figure(path: Path, width_in: float, height_in: float, *, pdf: bool = False) -> Iterator[Figure]:
    """As `picture`, saved to `path` (PNG) when the block ends.

    Args:
        path: of the PNG.
        width_in: width [inch].
        height_in: height [inch].
        pdf: write a PDF beside it.
    """
    with picture(width_in, height_in) as drawn:
        yield drawn
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: drawn.savefig(file, format="png"))
        if pdf:
            # No date: equal figures are equal files.
            write_atomically(
                path.with_suffix(".pdf"),
                lambda file: drawn.savefig(file, format="pdf", metadata={"CreationDate": None}),
            )


def set_title(drawn: Figure, text: str) -> None:
    """A title above all panels, in as many lines as the figure is too narrow for."""
    lines = [wrapped(line, drawn.get_figwidth()) for line in text.splitlines()]
    drawn.suptitle("\n".join(lines), fontsize=9)


def count_axis(axes: Any) -> None:
    """Numbers of inferences along x: 200k, 1M, so few that they never touch."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def name_decades(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis with names that do not touch: decades, or numbers where they are few."""
    if high >= 30 * low:
        axis.set_minor_formatter(NullFormatter())
        return
    axis.set_major_locator(MaxNLocator(4) if high < 3 * low else LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def wrapped(label: str, length_in: float) -> str:
    """A label in as many lines as an axis of that length is too short for [inch]."""
    return textwrap.fill(label, int(_LETTERS_AN_INCH * length_in))

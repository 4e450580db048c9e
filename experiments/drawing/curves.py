"""Bands and learning curves, drawn alike wherever methods or settings are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from photonzero.experiments.drawing.style import PALETTE, name_decades
from photonzero.training.oracle import Array

_POINTS = 80
"""Places along a learning curve at which runs are compared."""

_BANDS = 4
"""More bands than these hide each other: the range is drawn at the end of a line instead."""

_DASHES = ("-", "--", ":", "-.")
"""Of the lines that have the palette's colours again."""


def draw_band(axes: Any, x: Any, low: Any, middle: Any, high: Any, *, color: str, **line: Any) -> None:
    """A line in the middle of a band.

    Args:
        axes: where.
        x: (n,) places.
        low: (n,) lower end of the band.
        middle: (n,) the line.
        high: (n,) upper end of the band.
        color: of both.
        **line: of the line, as matplotlib's plot takes it.
    """
    axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
    axes.plot(x, middle, color=color, **line)


def draw_learning_curves(
    axes: Any,
    curves: Mapping[str, Sequence[Array]],
    *,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    factor: float = 1.0,
) -> None:
    """Validation error against the inferences of training, median and range of several runs a line.

    The range is a band, or of many lines a stroke at the end of each. A method of one step is a dot.

    Args:
        axes: where; both axes become logarithmic.
        curves: histories (steps, 5) of the runs behind each line, with columns
            `photonzero.training.trainer.HISTORY_COLUMNS`; a run without a validated step is left out.
        styles: what else matplotlib's plot is told of a line.
        factor: what errors are multiplied by, such as 100 for per cent.
    """
    top, few = 0.0, len(curves) <= _BANDS
    for number, (label, histories) in enumerate(curves.items()):
        known = [validated(history) for history in histories]
        known = [history for history in known if len(history)]
        if not known:
            continue
        first, last = max(h[0, 1] for h in known), max(h[-1, 1] for h in known)
        grid = np.geomspace(first, max(last, first * 1.01), _POINTS)
        errors = factor * np.stack([error_after(history, grid) for history in known])
        again, place = divmod(number, len(PALETTE))
        own = {"color": PALETTE[place], "linestyle": _DASHES[again % len(_DASHES)]}
        line = {**own, "label": label, **(styles or {}).get(label, {})}
        if all(len(history) == 1 for history in known):
            line.setdefault("marker", "o")
        low, middle, high = errors.min(axis=0), np.median(errors, axis=0), errors.max(axis=0)
        if few:
            draw_band(axes, grid, low, middle, high, **line)
        else:
            axes.plot(grid, middle, **line)
            # Beside each other, where lines end together.
            axes.vlines(grid[-1] * 1.03**number, low[-1], high[-1], color=line["color"], linewidth=1.2)
        top = max(top, float(middle.max()))
    axes.set_xscale("log")
    axes.set_yscale("log")
    if top > 0:
        # One run that diverged must not press all others together.
        axes.set_ylim(top=3.0 * top)
    name_decades(axes.yaxis, *axes.get_ylim())
    axes.set_xlabel("optical inferences of training")


def add_legend(axes: Any, **how: Any) -> None:
    """A legend, where there is a line to name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(**how)


def validated(history: Array) -> Array:
    """The steps of a history after which the validation error was measured."""
    return history[np.isfinite(history[:, 3])]


def error_after(history: Array, inferences: Any) -> Array:
    """Validation error after so many inferences: that of the last step completed by then."""
    index = np.searchsorted(history[:, 1], np.asarray(inferences) * (1 + 1e-9), side="right") - 1
    return history[np.maximum(index, 0), 3]


def inferences_to(history: Array, error: float) -> float:
    """Inferences after which the validation error was first at most `error`; infinity if never."""
    reached = np.flatnonzero(history[:, 3] <= error)
    return float(history[reached[0], 1]) if reached.size else np.inf

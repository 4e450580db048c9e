"""Figures of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from photonzero.experiments.drawing.style import (
    BLUE,
    GREY,
    ORANGE,
    PALETTE,
    count_axis,
    figure,
    name_decades,
    set_title,
)
from photonzero.training.oracle import Array, ControlGroupView


def draw_confusion(path: Path, title: str, labels: Array, answers: Array, n_classes: int) -> None:
    """How often each class of the test part got each answer.

    Args:
        path: of the PNG.
        title: what was run.
        labels: (N,) classes of the test part.
        answers: (N,) what the chip said.
        n_classes: number of classes.
    """
    with figure(path, 4.2, 4.0) as drawn:
        axes = drawn.subplots()
        confusion_panel(axes, labels, answers, n_classes)
        right = float((labels == answers).mean())
        set_title(drawn, f"{title}\ntest part, {len(labels)} samples, {right:.1%} right")


def confusion_panel(axes: Any, labels: Array, answers: Array, n_classes: int) -> None:
    """How often each class got each answer.

    Args:
        axes: to draw on.
        labels: (N,) classes.
        answers: (N,) what the chip said.
        n_classes: number of classes.
    """
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(n_classes))
    axes.set_yticks(range(n_classes))
    axes.grid(visible=False)
    axes.set_xlabel("answer of the chip")
    axes.set_ylabel("class")


_SHOWN = 1000
"""Points of a scatter plot at most; more hide each other."""


def solution_panel(
    axes: Any,
    names: Sequence[str],
    outputs: Sequence[str],
    points: Array,
    predicted: Array,
    exact: Array | None,
) -> None:
    """A solution: over one or two coordinates its first component, else all against the exact ones.

    Args:
        axes: to draw on.
        names: of the d numbers of a point.
        outputs: of the components.
        points: (N, d).
        predicted: (N, m) measured there on the chip.
        exact: (N, m) exact solution; None if none is known.
    """
    u, measured = predicted[:, 0], f"{outputs[0]} measured on the chip"
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0])
        for out, color in zip(range(len(outputs)), PALETTE, strict=False):
            name = outputs[out] if len(outputs) > 1 else "chip"
            axes.plot(points[order, 0], predicted[order, out], color=color, label=name)
            if exact is not None:
                label = "exact" if out == 0 else None
                axes.plot(points[order, 0], exact[order, out], color=GREY, linestyle="--", label=label)
        axes.legend()
        axes.set_xlabel(names[0])
        axes.set_ylabel("measured on the chip")
    elif points.shape[1] == 2:
        filled = axes.tricontourf(points[:, 0], points[:, 1], u, levels=20, cmap="viridis")
        axes.figure.colorbar(filled, ax=axes, label=measured, ticks=MaxNLocator(5))
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        axes.grid(visible=False)
    elif exact is not None:
        ends = [exact.min(), exact.max()]
        axes.plot(ends, ends, color=GREY, linewidth=0.8)
        for out, color in zip(range(len(outputs)), PALETTE, strict=False):
            dots = exact[:_SHOWN, out], predicted[:_SHOWN, out]
            axes.plot(*dots, ".", markersize=3, color=color, label=outputs[out])
        if len(outputs) > 1:
            axes.legend(markerscale=2)
        axes.set_xlabel(f"exact {', '.join(outputs)}")
        axes.set_ylabel("measured on the chip")
    else:
        axes.hist(u, bins=40, color=BLUE)
        axes.set_xlabel(measured)
        axes.set_ylabel("number of test points")


def _error_panel(
    axes: Any, names: Sequence[str], outputs: Sequence[str], points: Array, error: Array
) -> None:
    """Where a solution errs: a map over two coordinates, else along the last one."""
    if points.shape[1] == 2:
        largest = float(np.abs(error[:, 0]).max()) or 1.0
        filled = axes.tricontourf(
            points[:, 0], points[:, 1], error[:, 0], levels=np.linspace(-largest, largest, 21), cmap="RdBu"
        )
        axes.figure.colorbar(filled, ax=axes, label=f"error of {outputs[0]}", ticks=MaxNLocator(5))
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        axes.grid(visible=False)
        return
    for out, color in zip(range(len(outputs)), PALETTE, strict=False):
        dots = points[:_SHOWN, -1], error[:_SHOWN, out]
        axes.plot(*dots, ".", markersize=3, color=color, label=outputs[out])
    if len(outputs) > 1:
        axes.legend(markerscale=2)
    axes.set_xlabel(names[-1])
    axes.set_ylabel(f"error of {', '.join(outputs)}")


def draw_summary(
    drawn: Figure, title: str, history: Array, labels: tuple[str, str], last: Callable[[Any], None]
) -> None:
    """Loss and error against inferences, and a panel of what was learned.

    Args:
        drawn: figure to draw on.
        title: what was run.
        history: (n_steps, 5), columns of `photonzero.training.trainer.HISTORY_COLUMNS`.
        labels: what loss and error are.
        last: draws the third panel on the axes it is given.
    """
    *learning, last_axes = drawn.subplots(1, 1 + _n_learning(history))
    _learning_panels(learning, history, labels)
    last(last_axes)
    set_title(drawn, title)


def draw_learning(path: Path, title: str, history: Array, labels: tuple[str, str]) -> None:
    """Loss and error against inferences; arguments as of `draw_summary`.

    Args:
        path: of the PNG.
        title: see there.
        history: see there.
        labels: see there.
    """
    count = _n_learning(history)
    with figure(path, 3.0 * count, 2.8) as drawn:
        _learning_panels(list(drawn.subplots(1, count, squeeze=False)[0]), history, labels)
        set_title(drawn, title)


def _n_learning(history: Array) -> int:
    """Panels of learning: without an exact solution no error was ever measured, and there is none of it."""
    return 2 if np.isfinite(history[:, 3]).any() else 1


def _learning_panels(panels: Sequence[Any], history: Array, labels: tuple[str, str]) -> None:
    loss, error = f"loss ({labels[0]})", f"validation error ({labels[1].removesuffix(' error')})"
    for axes, column, label, color in zip(panels, (2, 3), (loss, error), (BLUE, ORANGE), strict=False):
        # Not every step is validated.
        known = history[np.isfinite(history[:, column])]
        axes.plot(known[:, 1], known[:, column], color=color, marker="o", markersize=2.5)
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        count_axis(axes)
        if known.size and (known[:, column] > 0).all():
            axes.set_yscale("log")
            name_decades(axes.yaxis, *axes.get_ylim())


def draw_controls(
    path: Path, title: str, groups: Mapping[str, ControlGroupView], before: Array, after: Array
) -> None:
    """Where the controls of each group went.

    Args:
        path: of the PNG.
        title: what was run.
        groups: of the controls.
        before: (n_controls,) at the start.
        after: (n_controls,) at the end.
    """
    phases = [name for name, group in groups.items() if group.kind == "phase"]
    digital = [name for name, group in groups.items() if group.kind == "digital"]
    kinds = [names for names in (phases, digital) if names]
    heights = [max(2.2, 0.5 + 0.16 * len(names)) for names in kinds]
    with figure(path, 7.0, 0.3 + sum(heights)) as drawn:
        rows = drawn.subplots(len(kinds), 2, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (left, right), names in zip(rows, kinds, strict=True):
            start = np.concatenate([before[groups[name].slice] for name in names])
            stop = np.concatenate([after[groups[name].slice] for name in names])
            if names is phases:
                turn = 2.0 * np.pi
                left.hist(
                    [start % turn, stop % turn],
                    bins=np.linspace(0, turn, 33),
                    color=[GREY, BLUE],
                    label=["before", "after"],
                )
                left.set_xlabel("programmed phase, modulo 2π [rad]")
                left.set_ylabel("number of phases")
                left.legend()
                label, period = "rms change of phases, modulo 2π [rad]", turn
            else:
                left.plot(start, stop, ".", markersize=3, color=ORANGE)
                ends = [min(start.min(), stop.min()), max(start.max(), stop.max())]
                left.plot(ends, ends, color=GREY, linewidth=0.8)
                left.set_xlabel("digital control before")
                left.set_ylabel("after")
                label, period = "rms change of digital controls", None
            changes = [_change(before[own], after[own], period) for own in (groups[n].slice for n in names)]
            _draw_changes(right, names, changes, label)
        set_title(drawn, title)


def _change(before: Array, after: Array, period: float | None) -> float:
    """Root mean square change, the shorter way round a circle where there is a period."""
    moves = after - before
    if period is not None:
        # A method may begin by bringing every phase within one turn, which moves none of them.
        moves -= period * np.round(moves / period)
    return float(np.sqrt(np.mean(moves**2)))


def _draw_changes(axes: Any, names: Sequence[str], changes: Sequence[float], label: str) -> None:
    """Changes of groups, as bars; over decades where one would flatten the others."""
    axes.barh(np.arange(len(names)), changes, color=BLUE)
    moved = [value for value in changes if value > 0]
    if moved and max(moved) > 30 * min(moved):
        axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.set_yticks(np.arange(len(names)))
    axes.set_yticklabels(names, fontsize=7)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def draw_solution(
    path: Path,
    title: str,
    names: Sequence[str],
    outputs: Sequence[str],
    points: Array,
    predicted: Array,
    exact: Array | None,
) -> None:
    """The solution on test points, and where it errs if the exact one is known.

    Args:
        path: of the PNG.
        title: what was run.
        names: of the d numbers of a point.
        outputs: of the components.
        points: (N, d) test points.
        predicted: (N, m) outputs there.
        exact: (N, m) the same of the exact solution; None if none is known.
    """
    count = 1 if exact is None else 2
    with figure(path, 3.4 * count, 2.9) as drawn:
        panels = drawn.subplots(1, count, squeeze=False)[0]
        solution_panel(panels[0], names, outputs, points, predicted, exact)
        if exact is not None:
            _error_panel(panels[1], names, outputs, points, predicted - exact)
        scattered = points.shape[1] != 2 and exact is not None and len(points) > _SHOWN
        shown = f"{_SHOWN:,} of {len(points):,}" if scattered else f"{len(points):,}"
        set_title(drawn, f"{title}: {shown} test points")

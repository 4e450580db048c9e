"""Figures of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from photonzero.experiments.drawing.style import BLUE, GREY, ORANGE, figure
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
        axes.set_title(f"{title}\ntest part, {len(labels)} samples, {right:.1%} right")


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


def solution_panel(
    axes: Any, names: Sequence[str], points: Array, predicted: Array, exact: Array | None
) -> None:
    """The first component of a solution: over one or two coordinates, else against the exact one.

    Args:
        axes: to draw on.
        names: of the coordinates.
        points: (N, d).
        predicted: (N, m) measured there on the chip.
        exact: (N, m) exact solution; None if none is known.
    """
    u = predicted[:, 0]
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0])
        axes.plot(points[order, 0], u[order], color=ORANGE, label="chip")
        if exact is not None:
            axes.plot(points[order, 0], exact[order, 0], color=GREY, linestyle="--", label="exact")
            axes.legend()
        axes.set_xlabel(names[0])
        axes.set_ylabel("u measured on the chip")
    elif points.shape[1] == 2:
        filled = axes.tricontourf(points[:, 0], points[:, 1], u, levels=20, cmap="viridis")
        axes.figure.colorbar(filled, ax=axes, label="u measured on the chip")
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[-1])
        axes.grid(visible=False)
    elif exact is not None:
        ends = [exact[:, 0].min(), exact[:, 0].max()]
        axes.plot(ends, ends, color=GREY, linewidth=0.8)
        axes.plot(exact[:1000, 0], u[:1000], ".", markersize=3, color=BLUE)
        axes.set_xlabel("exact u")
        axes.set_ylabel("u measured on the chip")
    else:
        axes.hist(u, bins=40, color=BLUE)
        axes.set_xlabel("u measured on the chip")
        axes.set_ylabel("test points")


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
    loss_axes, error_axes, last_axes = drawn.subplots(1, 3)
    _learning_panels(loss_axes, error_axes, history, labels)
    last(last_axes)
    drawn.suptitle(title, fontsize=9)


def draw_learning(path: Path, title: str, history: Array, labels: tuple[str, str]) -> None:
    """Loss and error against inferences; arguments as of `draw_summary`.

    Args:
        path: of the PNG.
        title: see there.
        history: see there.
        labels: see there.
    """
    with figure(path, 6.0, 2.8) as drawn:
        loss_axes, error_axes = drawn.subplots(1, 2)
        _learning_panels(loss_axes, error_axes, history, labels)
        drawn.suptitle(title, fontsize=9)


def _learning_panels(loss_axes: Any, error_axes: Any, history: Array, labels: tuple[str, str]) -> None:
    loss, error = f"loss ({labels[0]})", f"validation error ({labels[1].removesuffix(' error')})"
    for axes, column, label, color in ((loss_axes, 2, loss, BLUE), (error_axes, 3, error, ORANGE)):
        # Not every step is validated, and a problem without a solution never is.
        known = history[np.isfinite(history[:, column])]
        axes.plot(known[:, 1], known[:, column], color=color, marker="o", markersize=2.5)
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        if known.size and (known[:, column] > 0).all():
            axes.set_yscale("log")


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
    with figure(path, 7.0, 0.2 + 2.4 * len(kinds)) as drawn:
        for (left, right), names in zip(drawn.subplots(len(kinds), 2, squeeze=False), kinds, strict=True):
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
                left.set_ylabel("phases")
                left.legend()
                label = "rms change of phases [rad]"
            else:
                left.plot(start, stop, ".", markersize=3, color=ORANGE)
                ends = [min(start.min(), stop.min()), max(start.max(), stop.max())]
                left.plot(ends, ends, color=GREY, linewidth=0.8)
                left.set_xlabel("digital control before")
                left.set_ylabel("after")
                label = "rms change, digital"
            _draw_changes(right, groups, names, before, after, label)
        drawn.suptitle(title, fontsize=9)


def _draw_changes(axes, groups, names, before: Array, after: Array, label: str) -> None:
    """Root mean square change of each group, as bars."""
    change = [float(np.sqrt(np.mean((after[groups[n].slice] - before[groups[n].slice]) ** 2))) for n in names]
    axes.bar(np.arange(len(names)), change, color=BLUE)
    axes.set_ylabel(label)
    axes.set_xticks(np.arange(len(names)))
    size = 8 if len(names) < 8 else 5
    axes.set_xticklabels(names, rotation=90, fontsize=size)
    axes.grid(visible=False, axis="x")


def draw_solution(path: Path, title: str, predicted: Array, exact: Array, time: Array) -> None:
    """The solution on test points against the exact one, and its error in time.

    Args:
        path: of the PNG.
        title: what was run.
        predicted: (N, m) outputs at the test points.
        exact: (N, m) the same of the exact solution.
        time: (N,) last coordinate of the test points.
    """
    with figure(path, 6.0, 2.8) as drawn:
        left, right = drawn.subplots(1, 2)
        shown = slice(0, 1000)
        ends = [exact.min(), exact.max()]
        left.plot(ends, ends, color=GREY, linewidth=0.8)
        for out, color in zip(range(exact.shape[1]), cycle((BLUE, ORANGE, GREY)), strict=False):
            left.plot(exact[shown, out], predicted[shown, out], ".", markersize=3, color=color)
            right.plot(time[shown], (predicted - exact)[shown, out], ".", markersize=3, color=color)
        left.set_xlabel("exact u")
        left.set_ylabel("u measured on the chip")
        right.set_xlabel("last coordinate (time)")
        right.set_ylabel("error of u")
        drawn.suptitle(f"{title}: {len(exact):,} test points", fontsize=9)

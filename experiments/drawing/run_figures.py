"""Figures of one run."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np

from photonzero.experiments.drawing.style import BLUE, GREY, ORANGE, figure
from photonzero.photonics.controls import ControlGroup
from photonzero.training.oracle import Array


def draw_run(
    folder: Path,
    *,
    title: str,
    history: Array,
    predicted: Array,
    exact: Array | None,
    coordinate: Array,
) -> None:
    """learning.png and, where the solution is known, solution.png.

    Args:
        folder: made if missing.
        title: what was run.
        history: (n_steps, 5), columns of `photonzero.training.trainer.HISTORY_COLUMNS`.
        predicted: (N, m) outputs at the test points.
        exact: (N, m) the same of the exact solution; None if there is none.
        coordinate: (N,) time of the test points.
    """
    labels = ("loss (mean squared residual)", "validation error (relative l2)")
    _draw_learning(folder / "learning.png", title, history, labels)
    if exact is not None:
        _draw_solution(folder / "solution.png", title, predicted, exact, coordinate)


def draw_classification(
    folder: Path, title: str, history: Array, labels: Array, answers: Array, n_classes: int
) -> None:
    """learning.png, and confusion.png of the test part.

    Args:
        folder: made if missing.
        title: what was run.
        history: (n_steps, 5), columns of `photonzero.training.trainer.HISTORY_COLUMNS`.
        labels: (N,) classes of the test part.
        answers: (N,) what the chip said.
        n_classes: number of classes.
    """
    names = ("loss (cross-entropy)", "validation error (share of wrong answers)")
    _draw_learning(folder / "learning.png", title, history, names)
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    with figure(folder / "confusion.png", 4.2, 4.0) as drawn:
        axes = drawn.subplots()
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
        right = float((labels == answers).mean())
        axes.set_title(f"{title}\ntest part, {len(labels)} samples, {right:.1%} right")


def _draw_learning(path: Path, title: str, history: Array, labels: tuple[str, str]) -> None:
    with figure(path, 6.0, 2.8) as drawn:
        loss_axes, error_axes = drawn.subplots(1, 2)
        for axes, column, label, color in (
            (loss_axes, 2, labels[0], BLUE),
            (error_axes, 3, labels[1], ORANGE),
        ):
            # Not every step is validated, and a problem without a solution never is.
            known = history[np.isfinite(history[:, column])]
            axes.plot(known[:, 1], known[:, column], color=color, marker="o", markersize=2.5)
            axes.set_xlabel("optical inferences of training")
            axes.set_ylabel(label)
            axes.set_xlim(left=0)
            if known.size and (known[:, column] > 0).all():
                axes.set_yscale("log")
        drawn.suptitle(title, fontsize=9)


def draw_controls(
    path: Path, title: str, groups: Mapping[str, ControlGroup], before: Array, after: Array
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
    with figure(path, 7.0, 5.0 if phases else 2.6) as drawn:
        rows = drawn.subplots(2 if phases else 1, 2, squeeze=False)
        if phases:
            start = np.concatenate([before[groups[name].slice] for name in phases])
            stop = np.concatenate([after[groups[name].slice] for name in phases])
            turn = 2.0 * np.pi
            rows[0, 0].hist(
                [start % turn, stop % turn],
                bins=np.linspace(0, turn, 33),
                color=[GREY, BLUE],
                label=["before", "after"],
            )
            rows[0, 0].set_xlabel("programmed phase, modulo 2π [rad]")
            rows[0, 0].set_ylabel("phases")
            rows[0, 0].legend()
            _draw_changes(rows[0, 1], groups, phases, before, after, "rms change of phases [rad]")
        start = np.concatenate([before[groups[name].slice] for name in digital])
        stop = np.concatenate([after[groups[name].slice] for name in digital])
        rows[-1, 0].plot(start, stop, ".", markersize=3, color=ORANGE)
        ends = [min(start.min(), stop.min()), max(start.max(), stop.max())]
        rows[-1, 0].plot(ends, ends, color=GREY, linewidth=0.8)
        rows[-1, 0].set_xlabel("digital control before")
        rows[-1, 0].set_ylabel("after")
        _draw_changes(rows[-1, 1], groups, digital, before, after, "rms change, digital")
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


def _draw_solution(path: Path, title: str, predicted: Array, exact: Array, time: Array) -> None:
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

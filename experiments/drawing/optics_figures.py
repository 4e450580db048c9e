"""Figures of what optics learn: errors beside those of frozen optics, and a feature before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from photonzero.experiments.drawing.curves import draw_learning_curves
from photonzero.experiments.drawing.style import BLUE, GREEN, GREY, ORANGE, figure
from photonzero.training.oracle import Array

_WAYS = {
    "frozen": ("frozen optics", GREY, "o", "none"),
    "black-box": ("whole chip, as a black box", ORANGE, "s", "none"),
    "layered": ("layer by layer", BLUE, "o", "full"),
    "digital": ("digital twin", GREEN, "^", "none"),
}
"""Label, colour, marker and filling of each way to train."""


def draw_optics(path: Path, lines: Sequence[Mapping[str, Any]], targets: Mapping[str, float | None]) -> None:
    """Errors of every row, one above the other, on a common axis.

    Args:
        path: of the png.
        lines: a run each, with row, way, error and zero.
        targets: by row.
    """
    names = list(dict.fromkeys(line["row"] for line in lines))
    with figure(path, 6.5, 1.0 + 0.27 * len(names)) as drawn:
        axes = drawn.subplots()
        for height, name in enumerate(names):
            own = [line for line in lines if line["row"] == name]
            zero, target = float(np.median([line["zero"] for line in own])), targets.get(name)
            if math.isfinite(zero):
                axes.plot(zero, height, "|", color="black", label="network at zero")
            if target is not None:
                axes.plot(target, height, "x", color="black", markersize=4, label="target")
            for way, (label, color, marker, fill) in _WAYS.items():
                errors = [line["error"] for line in own if line["way"] == way]
                if not errors:
                    continue
                axes.hlines(height, min(errors), max(errors), color=color, linewidth=1.0)
                axes.plot(np.median(errors), height, marker, color=color, fillstyle=fill, label=label)
        axes.set_xscale("log")
        axes.set_xlabel("relative l2 error, or share of wrong answers")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        handles, labels = axes.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        axes.legend(unique.values(), unique.keys(), loc="upper left", bbox_to_anchor=(1.02, 1.0))


def draw_learning_optics(
    path: Path,
    curves: Mapping[str, Mapping[str, Sequence[Array]]],
    frozen: Mapping[str, float],
    maps: Array | None,
) -> None:
    """Validation error against inferences, a panel a row, and what one detector reads before and after.

    Args:
        path: of the png.
        curves: by row and way, histories as in `draw_learning_curves`.
        frozen: error with frozen optics by row.
        maps: (2, n, n), of a feature in two coordinates, before and after; None for none.
    """
    styles = {label: {"color": color} for label, color, _, _ in _WAYS.values()}
    n_maps = 0 if maps is None else 2
    widths = [1.25] * len(curves) + [1.0] * n_maps
    with figure(path, 2.6 * sum(widths) + 0.8 * bool(n_maps), 2.9) as drawn:
        panels = drawn.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
        for axes, (name, ways) in zip(panels, curves.items(), strict=False):
            draw_learning_curves(axes, {_WAYS[way][0]: own for way, own in ways.items()}, styles=styles)
            if name in frozen:
                axes.axhline(
                    frozen[name], color=GREY, linestyle="--", linewidth=1.2, label=_WAYS["frozen"][0]
                )
                low, high = axes.get_ylim()
                axes.set_ylim(low, max(high, 2.0 * frozen[name]))
            axes.set_title(name)
        panels[0].set_ylabel("relative l2 error")
        panels[0].legend(loc="lower left", fontsize=6, handlelength=1.2)
        if maps is not None:
            largest = float(np.abs(maps).max())
            for axes, shown, when in zip(panels[-2:], maps, ("before", "after"), strict=True):
                # The first coordinate runs to the right, the second one up.
                shades = axes.imshow(shown.T, origin="lower", cmap="RdBu_r", vmin=-largest, vmax=largest)
                if when == "after":
                    drawn.colorbar(shades, ax=axes, label="feature", shrink=0.8, ticks=MaxNLocator(5))
                axes.set_title(f"a feature, {when}")
                axes.set_xlabel("first coordinate")
                axes.set_ylabel("second coordinate")
                axes.set_xticks([])
                axes.set_yticks([])
                axes.grid(visible=False)

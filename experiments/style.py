"""One look for all figures, chosen to be read in a two-column paper and without colour vision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from training.checkpoint import write_atomically

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
"""From the palette of Okabe and Ito, distinguishable with any colour vision."""

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
}


@contextmanager
def figure(path: Path, width_in: float, height_in: float) -> Iterator[Figure]:
    """A figure in the project's style, saved to `path` (PNG) when the block ends."""
    matplotlib.use("Agg")
    with plt.rc_context(_STYLE):
        drawn = plt.figure(figsize=(width_in, height_in), layout="constrained")
        try:
            yield drawn
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda file: drawn.savefig(file, format="png"))
        finally:
            plt.close(drawn)

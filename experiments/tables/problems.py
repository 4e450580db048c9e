"""Every PDE of the library on its default chip, trained and with frozen optics: error and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.training import SEED
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Sample
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    grouped,
    markdown_table,
    median,
    spread,
)
from photonzero.experiments.tables.tuned import read_data
from photonzero.training.problems import PROBLEMS, get_problem

WAYS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "frozen": {"optimizer": "layered-gauss-newton", "settings": {"frozen": ["layer*"]}},
    "black-box": {"optimizer": "gauss-newton"},
    "layered": {"optimizer": "layered-gauss-newton"},
}
"""What `configured` is told: of the way that a problem's preset takes, and of all that it may."""


def config_of(sample: Sample) -> RunConfig:
    """A problem with its preset and `published` noise."""
    setting = sample.setting
    return configured(setting["problem"], seed=setting["seed"], **WAYS[setting["way"]])


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of problems.csv."""
    name = one.row["problem"]
    return {
        "problem": name,
        "way": one.row["way"],
        "chip": configured(name).chip_name,
        "seed": one.row["seed"],
        "rel_l2": one.row["error"],
        "zero": float(one.kept["zero"]),
        "target": read_data("problems")["targets"].get(name),
        "reference_error": get_problem(name).reference_error,
        "inferences": one.row["inferences"],
        "wall_s": one.wall_s,
        "peak_rss_mb": float(one.kept["peak_rss_mb"]),
    }


def printed(lines: list[Line]) -> str:
    """A table for the manual, a line a problem."""
    rows = []
    for (name, way), own in grouped(lines, "problem", "way").items():
        target, error = own[0]["target"], median(own, "rel_l2")
        met = ""
        if target is not None and way != "frozen":
            met = f"{target:.0e}" + ("" if error <= target else ", missed")
        middle, low, high = spread(own, "rel_l2", ".1e")
        counts = (f"{median(own, 'inferences'):.1e}", f"{median(own, 'wall_s'):.0f} s")
        what = (f"`{name}`", f"`{own[0]['chip']}`", way, str(len(own)), f"{median(own, 'zero'):.2g}")
        rows.append([*what, middle, f"{low} to {high}", met, *counts])
    header = ("problem", "chip", "way", "seeds", "at zero", "rel_l2, median", "range", "target")
    header += ("inferences", "wall, median")
    return markdown_table(header, rows)


STUDY = comparison(
    "problems",
    "Every PDE of the library on its default chip with published noise, trained and with frozen optics.",
    (Axis("problem", "problem", "text"), Axis("way", "way", "text", choices=tuple(WAYS)), SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    defaults={"problem": list(PROBLEMS), "way": ["default", "frozen"], "seed": [0, 1, 2]},
    quick={"problem": ["hjb2", "heat"], "seed": [0]},
)

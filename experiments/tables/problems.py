"""Every PDE of the library on its default chip: error, inferences and time, several seeds."""

from __future__ import annotations

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


def config_of(sample: Sample) -> RunConfig:
    """A problem with its preset and `published` noise."""
    return configured(sample.setting["problem"], seed=sample.setting["seed"])


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of problems.csv."""
    name = one.row["problem"]
    return {
        "problem": name,
        "chip": configured(name).chip_name,
        "seed": one.row["seed"],
        "rel_l2": one.row["error"],
        "target": read_data("problems")["targets"].get(name),
        "reference_error": get_problem(name).reference_error,
        "inferences": one.row["inferences"],
        "wall_s": one.wall_s,
        "peak_rss_mb": float(one.kept["peak_rss_mb"]),
    }


def printed(lines: list[Line]) -> str:
    """A table for the manual, a line a problem."""
    rows = []
    for (name,), own in grouped(lines, "problem").items():
        target, error = own[0]["target"], median(own, "rel_l2")
        met = "" if target is None else f"{target:.0e}" + ("" if error <= target else ", missed")
        middle, low, high = spread(own, "rel_l2", ".1e")
        counts = (f"{median(own, 'inferences'):.1e}", f"{median(own, 'wall_s'):.0f} s")
        rows.append(
            [f"`{name}`", f"`{own[0]['chip']}`", str(len(own)), middle, f"{low} to {high}", met, *counts]
        )
    header = ("problem", "chip", "seeds", "rel_l2, median", "range", "target", "inferences", "wall, median")
    return markdown_table(header, rows)


STUDY = comparison(
    "problems",
    "Every PDE of the library on its default chip with published noise.",
    (Axis("problem", "problem", "text"), SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    defaults={"problem": list(PROBLEMS), "seed": [0, 1, 2]},
    quick={"problem": ["hjb2", "heat"], "seed": [0]},
)

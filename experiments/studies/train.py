"""`photonzero sweep train`: trainings over any keys of a run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.config.noise import noise_model
from photonzero.experiments.config.run_config import RunConfig, read_design
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.training import SEED, histories, training_study
from photonzero.experiments.sweep.figures import (
    BAND_TEXT,
    FIGURES,
    HeatMap,
    Panel,
    draw_heat_maps,
    draw_panels,
    good,
    line_label,
)
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Row, Sample
from photonzero.registry import file_hash, is_file_name

_NAMED = ("problem", "chip", "noise", "optimizer", "derivatives", "max_inferences", "max_steps",
          "target_error", "seed", "data")  # fmt: skip
"""Keys with a meaning of their own, as `photonzero train` has options for them; all others are keys of
config.toml."""


def _config(sample: Sample) -> RunConfig:
    setting = dict(pair for key, value in sample.setting.items() for pair in _untied(key, value))
    named = {key: value for key, value in setting.items() if key in _NAMED}
    keys = {key: _plain(value) for key, value in setting.items() if key not in _NAMED}
    return configured(**named, settings=keys)


def _untied(axis: str, value: Any) -> list[tuple[str, Any]]:
    """Keys and values of one value of an axis, of which ``KEY+KEY`` has several that move together."""
    keys = axis.split("+")
    if len(keys) == 1 or not isinstance(value, tuple):
        return [(key, value) for key in keys]
    if len(value) != len(keys):
        raise UsageError(
            f"{axis}: {list(value)}; allowed: a value for all, or a list of {len(keys)}, one each"
        )
    return list(zip(keys, value, strict=True))


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def axis_of(key: str, given: Any) -> Axis:
    """The axis of a key of a run's configuration, or of several: numbers, text, or whatever TOML can say."""
    keys = key.split("+")
    if len(keys) > 1 and (not all(keys) or len(set(keys)) < len(keys) or {"problem", "seed"} & set(keys)):
        raise UsageError(f"{key}: keys that move together; allowed: KEY+KEY, but for problem and seed")
    values = given if isinstance(given, list | tuple) else [given]
    kinds = {type(value) for value in values}
    if isinstance(given, Mapping) or (kinds <= {int, float} and kinds != {int}):
        return Axis(key, key, "float", -np.inf)
    if kinds == {int}:
        return Axis(key, key, "int", -np.inf)
    return Axis(key, key, "text" if kinds == {str} else "any")


def _content(plan: Plan) -> str:
    """Hashes of the files that the grid names."""
    said = [pair for axis, values in plan.grid.items() for value in values for pair in _untied(axis, value)]
    text = [value for _, value in said if isinstance(value, str)]
    names = [value for value in text if is_file_name(value) or value.endswith(".toml")]
    noises = [value for key, value in said if key == "noise" and value in names]
    names += [part for name in noises for part in noise_model(name).own_parts or () if is_file_name(part)]
    names += [str(path) for key, name in said if key == "chip" and str(name).endswith(".toml")
              for path in read_design(name).user_files]  # fmt: skip
    return "".join(file_hash(name) for name in names if Path(name).is_file() or is_file_name(name))


_CURVES = 12
"""Learning curves in one panel at most."""


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Error against the axes, a map for two of them, and learning curves; a panel a problem."""
    varied = [name for name in plan.varied if name != "problem"]
    problems = [p for p in plan.grid["problem"] if good([r for r in rows if r["problem"] == p], "error")]
    drawings = []
    numeric = [axis.name for axis in plan.study.axes if axis.name in varied and axis.kind in ("int", "float")]
    samples = f"{len(plan.grid['seed'])} seeds of chip and training"
    if problems and varied:
        x = max(numeric or varied, key=lambda name: len(plan.grid[name]))
        lines = tuple(name for name in varied if name != x)
        panels = [
            Panel(x, "error", lines, title=problem, y_log=True, where={"problem": problem})
            for problem in problems
        ]
        draw_panels(folder, "error", plan.study, rows, panels, height_in=3.0)
        drawings.append(Drawing("error", f"Error on test points or test part; {samples}, {BAND_TEXT}."))
    if problems and len(varied) == len(numeric) == 2:
        maps = [
            HeatMap(varied[1], varied[0], "error", f"test error, {problem}", where={"problem": problem})
            for problem in problems
        ]
        draw_heat_maps(folder, "error-map", plan.study, rows, maps)
        drawings.append(Drawing("error-map", f"Median error on test points or test part; {samples}."))
    drawings.append(_draw_curves(plan, rows, folder, varied, samples))
    return drawings


def _draw_curves(plan: Plan, rows: list[Row], folder: Path, varied: list[str], samples: str) -> Drawing:
    # Drawing libraries take a second to load, which workers need not spend.
    from photonzero.experiments.drawing.curves import add_legend, draw_learning_curves
    from photonzero.experiments.drawing.style import figure

    problems = list(dict.fromkeys(row["problem"] for row in rows))
    left_out = 0
    with figure(folder / FIGURES / "curves.png", 4.2 * len(problems), 3.4, pdf=True) as drawn:
        for axes, problem in zip(drawn.subplots(1, len(problems), squeeze=False)[0], problems, strict=True):
            groups: dict[str, list[Row]] = {}
            for row in rows:
                if row["problem"] == problem:
                    label = ", ".join(line_label(plan.study, name, row[name]) for name in varied)
                    groups.setdefault(label, []).append(row)
            left_out = max(left_out, len(groups) - _CURVES)
            shown = list(groups.items())[:_CURVES]
            draw_learning_curves(axes, {label: histories(plan, own, folder) for label, own in shown})
            axes.set_title(problem)
            axes.set_ylabel("validation error")
            if varied:
                add_legend(axes, fontsize=6)
    cut = f" The first {_CURVES} settings; {left_out} more are in the table." if left_out > 0 else ""
    return Drawing("curves", f"Validation error while training; median and range of {samples}.{cut}")


STUDY = training_study(
    "train",
    "Trainings over any keys of a run: --set problem=heat --set optimizer.n_directions=[6,12].",
    (Axis("problem", "problem", "text"), SEED),
    _config,
    draw=draw,
    defaults={"problem": "heat", "seed": [0, 1, 2]},
    quick={"seed": 0, "max_inferences": 200_000},
    axis_of=axis_of,
    content=_content,
)

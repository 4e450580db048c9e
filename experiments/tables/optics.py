"""What optics learn where their layers can be read one by one, against the same chips with frozen optics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import train
from photonzero.experiments.studies.training import COSTS, SEED, config_key, trained_row
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Row, Sample
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    grouped,
    markdown_table,
    median,
    spread,
)
from photonzero.experiments.tables.digital import DigitalOptions, require_jax, train_digitally
from photonzero.experiments.tables.tuned import read_data
from photonzero.photonics.networks.twins import digital_twin
from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.errors import CheckpointError
from photonzero.training.oracle import Array, ReadoutOracle
from photonzero.training.trainer import HISTORY_COLUMNS

LAYERED, FROZEN, BLACK_BOX, DIGITAL = "layered", "frozen", "black-box", "digital"
LAST_LAYER = "last-layer"
"""Ways to train a chip: with layer access, its readout alone, seen from its ends; its digital twin; and with
nothing but the readings of its last layer."""

_MAPS = "features.npz"
_MAP_POINTS = 65
"""Along a coordinate of a map."""


@dataclass(frozen=True)
class Task:
    """A row, as optics.toml has it.

    Attributes:
        name: on the command line.
        problem: PDE or dataset.
        max_inferences: budget.
        noise: preset or file.
        chip: design; None takes the problem's.
        optimizer: with layer access.
        target: error that the median is meant to reach.
        worst: error that every seed is meant to reach.
        of_frozen: error that the median is meant to reach, in units of that with frozen optics.
        frozen: whether there is a readout that can be fitted.
        black_box: budget of Gauss-Newton on the chip from its ends; None for a row without.
        last_layer: whether it is also trained through its last layer alone, within the same budget.
        digital: whether automatic differentiation can train its digital twin, see `train_digitally`.
        settings: changes to the configuration of all runs.
        layered: changes to that of the run with layer access.
    """

    name: str
    problem: str
    max_inferences: int
    noise: str = "published"
    chip: str | None = None
    optimizer: str = "layered-gauss-newton"
    target: float | None = None
    worst: float | None = None
    of_frozen: float | None = None
    frozen: bool = True
    black_box: int | None = None
    last_layer: bool = False
    digital: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    layered: Mapping[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Names of its runs on chips."""
        ways = [LAYERED, *([FROZEN] if self.frozen else []), *([BLACK_BOX] if self.black_box else [])]
        return [f"{self.name}/{way}" for way in ways]


TASKS: dict[str, Task] = {row["name"]: msgspec.convert(row, Task) for row in read_data("optics")["rows"]}
RUNS = [
    run
    for name, task in TASKS.items()
    for run in (
        *task.runs,
        *([f"{name}/{LAST_LAYER}"] if task.last_layer else []),
        *([f"{name}/{DIGITAL}"] if task.digital else []),
    )
]


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        data: folder of the files of a dataset; None takes the environment's.
    """

    data: str | None = None


def runs_of(names: Sequence[str]) -> list[str]:
    """Runs of rows and single runs, in the order of optics.toml; of nothing all that need no files of data.

    A row's digital twin, which needs a library that is an extra, and its training through the last layer are
    taken where they are named themselves.

    Raises:
        UsageError: a name that is neither, or that library is not installed.
    """
    for name in names:
        if name not in TASKS and name not in RUNS:
            raise UsageError(f"row: {name!r}; allowed: {', '.join(TASKS)}, and ROW/{LAYERED} and the like")
    chosen = names or [name for name, task in TASKS.items() if task.problem not in _WITH_FILES]
    if any(name.endswith(f"/{DIGITAL}") for name in names):
        require_jax()
    on_chips = [run for name in chosen if name in TASKS for run in TASKS[name].runs]
    return [run for run in RUNS if run in chosen or run in on_chips]


_WITH_FILES = ("mnist",)
"""Problems whose rows need files that are not installed."""


def config_of(sample: Sample) -> RunConfig:
    """The configuration of a run."""
    name, _, way = sample.setting["run"].rpartition("/")
    task = TASKS[name]
    settings, optimizer, budget = dict(task.settings), task.optimizer, task.max_inferences
    chip, noise = task.chip, task.noise
    if way == DIGITAL:
        chip, noise = digital_twin(configured(task.problem, chip=task.chip).network()), "ideal"
        settings["dtype"] = "float64"
    elif way == LAYERED:
        settings |= task.layered
    elif way == LAST_LAYER:
        settings["access"], optimizer = "last-layer", None
    elif way == FROZEN:
        settings["frozen"] = ["layer*"]
    else:
        assert task.black_box is not None
        optimizer, budget = "gauss-newton", task.black_box
    return configured(
        task.problem,
        chip=chip,
        noise=noise,
        optimizer=optimizer,
        seed=sample.setting["seed"],
        max_inferences=budget,
        data=sample.options.data if task.problem in _WITH_FILES else None,
        settings=settings,
    )


def _row(config: RunConfig, sample: Sample) -> Row:
    """What a run has come to."""
    if not sample.setting["run"].endswith(f"/{DIGITAL}"):
        return trained_row(config, sample)
    found = train_digitally(config, DigitalOptions())
    kept = dict.fromkeys(COSTS, np.nan) | {"zero": found.zero, "wall_s": found.wall_s}
    return {
        "error": found.error,
        "inferences": 0,
        "steps": found.steps,
        "final_loss": found.loss,
        "n_controls": found.n_controls,
        KEPT: {
            "history": np.empty((0, len(HISTORY_COLUMNS))),
            **{name: np.array(value) for name, value in kept.items()},
            "stop": np.array("finished"),
        },
    }


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of optics.csv."""
    name, _, way = one.row["run"].rpartition("/")
    task = TASKS[name]
    costs = {key: float(one.kept[key]) for key in COSTS}
    return {
        "row": name,
        "way": way,
        "problem": task.problem,
        "noise": "ideal" if way == DIGITAL else task.noise,
        **{key: one.row[key] for key in ("seed", "error", "inferences", "steps", "n_controls")},
        "zero": float(one.kept["zero"]),
        **costs,
        "stop": str(one.kept["stop"]),
    }


def markdown(lines: Sequence[Line]) -> str:
    """A table for the manual, a line a row.

    Args:
        lines: of optics.csv.
    """
    # One way more where anything was trained so.
    through = [LAST_LAYER] if any(line["way"] == LAST_LAYER for line in lines) else []
    shown = (FROZEN, BLACK_BOX, *through, LAYERED, DIGITAL)
    rows = []
    for (name,), own in grouped(lines, "row").items():
        ways = {way: found for (way,), found in grouped(own, "way").items()}
        task = TASKS[name]
        cells = [f"`{name}`", task.noise, f"{_number(own, 'zero', '.2g')}"]
        for way in shown:
            cells.append(_error(ways[way]) if way in ways else "")
        trained = ways.get(LAYERED, [])
        cells += [_goal(task, trained, ways.get(FROZEN, [])), _gain(trained, ways.get(FROZEN, []))]
        cells += [_number(trained, "inferences", ".1e"), _number(trained, "wall_s", ".0f")]
        cells.append(str(max(map(len, ways.values()))))
        rows.append(cells)
    header = (
        "row", "noise", "at zero", "frozen", "black box", *(["last layer"] if through else []), "layered",
        "digital twin", "target",
        "frozen / layered", "inferences", "s", "seeds",
    )  # fmt: skip
    return markdown_table(header, rows)


def _error(lines: Sequence[Line]) -> str:
    middle, low, high = spread(lines, "error", ".1e")
    return f"{middle} ({low} to {high})" if len(lines) > 1 else middle


def _number(lines: Sequence[Line], column: str, form: str) -> str:
    values = [line[column] for line in lines]
    return format(float(np.median(values)), form) if values and np.isfinite(values).all() else ""


def _gain(trained: Sequence[Line], frozen: Sequence[Line]) -> str:
    if not trained or not frozen:
        return ""
    return f"{median(frozen, 'error') / median(trained, 'error'):.3g}"


def _goal(task: Task, trained: Sequence[Line], frozen: Sequence[Line]) -> str:
    """What is meant to be reached, and whether it was."""
    said, missed = [], False
    errors = [line["error"] for line in trained]
    if task.target is not None:
        said.append(f"{task.target:.1e}")
        missed |= bool(errors) and float(np.median(errors)) > task.target
    if task.worst is not None:
        said.append(f"each {task.worst:.1e}")
        missed |= bool(errors) and max(errors) > task.worst
    if task.of_frozen is not None:
        said.append(f"{task.of_frozen:g} of frozen")
        both = bool(errors) and bool(frozen)
        missed |= both and float(np.median(errors)) > task.of_frozen * median(frozen, "error")
    return ", ".join([*said, *(["missed"] if missed else [])])


def _draw(plan: Plan, done: Sequence[Finished], path: Path) -> str:
    """optics.png, optics-learn.png and optics.md."""
    lines = [line_of(plan, one) for one in done]
    text = markdown(lines) + "\n"
    write_atomically(path.parents[1] / "optics.md", lambda file: file.write(text.encode()))
    from photonzero.experiments.drawing.optics_figures import draw_learning_optics, draw_optics

    draw_optics(path, lines, {name: task.target for name, task in TASKS.items()})
    learnt = {name: own for name, own in _curves(done).items() if BLACK_BOX in own}
    if learnt:
        frozen = {
            name: median(own, "error")
            for (name, way), own in grouped(lines, "row", "way").items()
            if way == FROZEN
        }
        name = next(iter(learnt))
        maps = _feature_maps(TASKS[name], plan, path.parents[1]) if LAYERED in learnt[name] else None
        draw_learning_optics(path.with_name("optics-learn.png"), learnt, frozen, maps)
    return (
        "Errors with frozen optics and with optics that learn, and of the network at zero; median and range "
        f"of {len(plan.grid['seed'])} seeds of chip and training."
    )


def _curves(done: Sequence[Finished]) -> dict[str, dict[str, list[Array]]]:
    """Histories by row and way, of the ways whose optics may learn."""
    found: dict[str, dict[str, list[Array]]] = {}
    for one in done:
        name, _, way = one.row["run"].rpartition("/")
        if way in (LAYERED, BLACK_BOX):
            found.setdefault(name, {}).setdefault(way, []).append(one.history)
    return found


def _feature_maps(task: Task, plan: Plan, folder: Path) -> Array | None:
    """What one detector reads all over a domain of two coordinates, (2, n, n), before and after training.

    It is the one whose readings vary most after training. The training of the first seed is repeated, to the
    same bits, once: the maps are kept.
    """
    setting = {"run": f"{task.name}/{LAYERED}", "seed": plan.grid["seed"][0]}
    config = replace(config_of(Sample(0, setting, 0, 0, plan)), frozen_null=False)
    if config.task.sizes is None or config.task.sizes[0] != 2:
        return None
    path, key = folder / _MAPS, config_key(config)
    with suppress(CheckpointError):
        return load_checkpoint(path, key)["maps"]
    outcome = train(assemble(config, 1))
    chip = outcome.parts.chip
    assert isinstance(chip, ReadoutOracle)
    before, after = outcome.parts.initial_controls, np.array(outcome.run.optimizer.controls)
    along = np.linspace(-1.0, 1.0, _MAP_POINTS)
    points = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    features = chip.measure_features(np.stack([before, after]), points).astype(np.float64)
    maps = features.reshape(2, _MAP_POINTS, _MAP_POINTS, -1)
    steps = sum(np.abs(np.diff(maps[1], axis=axis)).mean(axis=(0, 1)) for axis in (0, 1))
    maps = maps[..., int(np.argmax(steps))]
    save_checkpoint(path, key, {"maps": maps})
    return maps


STUDY = comparison(
    "optics",
    "What the optics learn where layers can be read one by one, against frozen optics.",
    (Axis("run", "run", "text", choices=tuple(RUNS)), SEED),
    config_of,
    row=_row,
    line_of=line_of,
    printed=markdown,
    figure=_draw,
    options=Options,
    defaults={"run": runs_of(()), "seed": [0, 1, 2, 3, 4]},
    quick={"run": TASKS["heat"].runs, "seed": [0]},
)

"""MNIST without back-propagation: every way to train, on dense, tensor-train and noisy optical networks."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from photonzero.devices.noise_model import preset
from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.drawing.curves import inferences_to
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import train
from photonzero.experiments.studies.training import SEED, config_key, row_of
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import KEPT, Axis, Prepared, Row, Sample
from photonzero.experiments.tables.comparison import (
    Finished,
    Line,
    comparison,
    curves_by,
    grouped,
    markdown_table,
    median,
    spread,
)
from photonzero.experiments.tables.first_order import (
    EpochReport,
    ExactNetwork,
    FirstOrderOptions,
    train_first_order,
)
from photonzero.experiments.tables.gradient_variance import Spread, gradient_spread
from photonzero.experiments.tables.tuned import read_data, tuning_study
from photonzero.experiments.tasks.datasets import load_dataset
from photonzero.photonics.chip.chip import fabricate

THRESHOLDS = (0.70, 0.80, 0.85, 0.90, 0.93, 0.95)
"""Validation accuracies whose first inferences are tabulated."""


@dataclass(frozen=True)
class Way:
    """A way to train a network, as mnist.toml has it.

    Attributes:
        name: on the command line.
        label: in table and figure.
        chip: design.
        optimizer: name of the method; None for exact gradients.
        max_inferences: budget; for exact gradients that of their options.
        noise: preset.
        use: groups of settings.
        settings: changes to the run's configuration.
        key: the setting that is tuned, None for a row that is used as it is.
        values: that it is tried with.
        first_order: options of exact gradients.
    """

    name: str
    label: str
    chip: str
    optimizer: str | None = None
    max_inferences: int = 0
    noise: str = "ideal"
    use: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    values: tuple[float, ...] = ()
    first_order: FirstOrderOptions | None = None


_DATA = read_data("mnist")
ROWS: dict[str, Way] = {row["name"]: msgspec.convert(row, Way) for row in _DATA["rows"]}
TUNED: Mapping[str, float] = _DATA["tuned"]


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        data: folder of the files; None takes the environment's.
        max_inferences: budget of a run of a tuning on a tensor train; the dense network has a tenth of it, as
            in the table, whose rows have budgets of their own.
    """

    data: str | None = None
    max_inferences: int = 400_000


def config_with(way: Way, options: Options, seed: int, value: float | None, budget: int) -> RunConfig:
    """The configuration of one forward-only run.

    Args:
        way: not one of exact gradients.
        options: of the comparison.
        seed: of chip and training.
        value: of the way's key, None where it has none.
        budget: inferences.
    """
    settings: dict[str, Any] = {}
    for group in way.use:
        settings |= _DATA["groups"][group]
    settings |= way.settings
    if way.key is not None and value is not None:
        settings[way.key] = value
    return configured(
        "mnist",
        chip=way.chip,
        noise=way.noise,
        optimizer=way.optimizer,
        seed=seed,
        max_inferences=budget,
        data=options.data,
        settings=settings,
    )


def config_of(sample: Sample) -> RunConfig:
    """The run of a row; of exact gradients it says chip, seed and data."""
    way = ROWS[sample.setting["row"]]
    budget = way.max_inferences or None
    if way.optimizer is None:
        return configured(
            "mnist", chip=way.chip, noise=way.noise, seed=sample.setting["seed"], data=sample.options.data
        )
    assert budget is not None
    return config_with(way, sample.options, sample.setting["seed"], TUNED.get(way.name), budget)


def _key(sample: Sample) -> str:
    way = ROWS[sample.setting["row"]]
    text = config_key(config_of(sample))
    if way.first_order is not None:
        text += json.dumps(asdict(way.first_order))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """Train by measurements, or by exact gradients."""
    rows = []
    for sample in samples:
        way, config = ROWS[sample.setting["row"]], config_of(sample)
        if way.first_order is None:
            rows.append(row_of(train(assemble(config, 1), checkpoint=sample.scratch)))
        else:
            rows.append(_trained_exactly(config, sample.options.data, way.first_order))
    return rows


def _trained_exactly(config: RunConfig, data: str | None, options: FirstOrderOptions) -> Row:
    """Exact gradients; the epoch that validates best is kept."""
    dataset = load_dataset("mnist", data)
    _, initial, order = np.random.SeedSequence(config.seed).spawn(3)
    design = config.network()
    chip = fabricate(design, preset("ideal"), config.seed, threads=1)
    start = chip.initial_controls(np.random.default_rng(initial))
    reports: list[EpochReport] = []
    controls = train_first_order(
        ExactNetwork(design), start, dataset, options, np.random.default_rng(order), reports.append
    )
    # The simulated chip answers the test, as for every other row.
    answers = chip.measure(controls[None], dataset.test[0])[0].argmax(axis=1)
    last = reports[-1]
    values = {
        "inferences": last.images,
        "steps": last.step,
        "final_loss": last.loss,
        "n_controls": chip.n_controls,
    }
    history = np.array([(r.step, r.images, r.loss, r.validation_error, r.wall_s) for r in reports])
    kept = {"history": history, "wall_s": np.array(last.wall_s)}
    accuracy = float((answers == dataset.test[1]).mean())
    return {"error": 1.0 - accuracy, **values, KEPT: kept}


def line_of(plan: Plan, one: Finished) -> Line:
    """A line of mnist.csv."""
    way, row, errors = ROWS[one.row["row"]], one.row, one.history[:, 3]
    # Exact gradients keep the best epoch, forward-only training where it stands.
    error = errors.min() if way.optimizer is None else errors[-1]
    reached = {t: inferences_to(one.history, 1 - t + 1e-12) for t in THRESHOLDS}
    return {
        "row": way.name,
        "method": way.label,
        "chip": way.chip,
        "noise": way.noise,
        "seed": row["seed"],
        "parameters": row["n_controls"],
        "test_accuracy": round(1.0 - row["error"], 6),
        "validation_accuracy": round(1 - float(error), 6),
        "inferences": row["inferences"],
        "wall_s": round(one.wall_s, 1),
        "learning_rate": way.first_order.learning_rate if way.first_order else TUNED.get(way.name),
        **{f"to_{t:g}": int(count) if np.isfinite(count) else None for t, count in reached.items()},
    }


def printed(lines: list[Line]) -> str:
    """A table for the manual, a line a method."""
    header = ("method, network", "parameters", "test accuracy, median", "range", "inferences", "wall, median")
    rows = []
    for _, own in grouped(lines, "row").items():
        middle, low, high = spread(own, "test_accuracy", ".1%")
        cells = [own[0]["method"], f"{own[0]['parameters']:,}", middle, f"{low} to {high}"]
        cells += [f"{median(own, 'inferences'):.1e}", f"{median(own, 'wall_s'):.0f} s"]
        for threshold in THRESHOLDS:
            count = float(np.median([line[f"to_{threshold:g}"] or np.inf for line in own]))
            cells.append(f"{count:.1e}" if np.isfinite(count) else "-")
        rows.append(cells)
    return markdown_table((*header, *(f"to {threshold:.0%}" for threshold in THRESHOLDS)), rows)


_LINES: Mapping[str, str] = MappingProxyType(
    {"dense-mnist": ":", "tt-mnist": "-", "int8-mnist": "--", "tonn-mnist": "-."}
)


def draw(plan: Plan, done: Sequence[Finished], path: Path) -> str:
    """Validation error against inferences; exact gradients as levels.

    Of a row that exists with a larger budget too, only the longer one is drawn.
    """
    from photonzero.experiments.drawing.curves import add_legend, draw_learning_curves
    from photonzero.experiments.drawing.style import PALETTE, figure

    names = set(plan.grid["row"])
    ways = [ROWS[name] for name in plan.grid["row"] if f"{name}-long" not in names]
    curves = curves_by(done, lambda row: row["row"])
    learned = [way for way in ways if way.optimizer is not None and way.name in curves]
    styles = {}
    # A colour a method, a dash a chip; dots where images are shifted.
    methods = list(dict.fromkeys(_short(way).partition(",")[0] for way in learned))
    for way in learned:
        width = 2.2 if "gauss-newton" in str(way.optimizer) else 1.2
        color = PALETTE[methods.index(_short(way).partition(",")[0]) % len(PALETTE)]
        styles[_short(way)] = {"color": color, "linewidth": width, "linestyle": _LINES[way.chip]}
        if "shifted" in way.label:
            styles[_short(way)] |= {"marker": "o", "markersize": 3, "markevery": 6}
    with figure(path, 7.0, 6.2) as drawn:
        axes = drawn.subplots()
        draw_learning_curves(
            axes, {_short(way): curves[way.name] for way in learned}, styles=styles, factor=100.0
        )
        for way in ways:
            if way.optimizer is None and way.name in curves:
                level = 100 * float(np.median([history[:, 3].min() for history in curves[way.name]]))
                line = "--" if way.chip == "tt-mnist" else ":"
                color = "black" if way.name.endswith("-shifted") else "0.6"
                axes.axhline(level, color=color, linestyle=line, linewidth=0.9, label=way.label)
        axes.set_ylim(2.0, 100.0)
        ticks_pct = (2, 5, 10, 20, 50, 100)
        axes.set_yticks(ticks_pct, labels=[str(tick) for tick in ticks_pct])
        axes.set_ylabel("validation images answered wrong [%]")
        axes.set_title("MNIST, 7,000 images to train")
        legend = {"ncols": 2, "frameon": False, "fontsize": "small", "handlelength": 3.5}
        add_legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.14), **legend)
    return f"Validation error; median and range of {len(plan.grid['seed'])} seeds of chip and training."


def _short(way: Way) -> str:
    return way.label.removesuffix(", longer")


def measured_spreads(data: str | None) -> list[Spread]:
    """How far estimates from random directions are from the gradient, dense against tensor train."""
    dataset = load_dataset("mnist", data)
    return [
        gradient_spread(name, dataset, n_directions=28, batch_size=100, n_estimates=10, seed=0)
        for name in ("dense-mnist", "tt-mnist")
    ]


def kept_spreads(path: Path, data: str | None) -> list[Spread]:
    """`measured_spreads`, from its file if it is there."""
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [msgspec.convert(row, Spread, strict=False) for row in rows]
    spreads = measured_spreads(data)
    write_csv(path, tuple(asdict(spreads[0])), [asdict(spread) for spread in spreads])
    return spreads


def load(plan: Plan) -> Prepared:
    """Nothing but the certainty that the data are there, before anything is trained.

    Raises:
        UsageError: they are not.
    """
    load_dataset("mnist", plan.options.data)
    return {}


STUDY = comparison(
    "mnist",
    "MNIST: exact gradients against every forward-only way, dense, tensor-train, optical and int8.",
    (Axis("row", "row", "text", choices=tuple(ROWS)), SEED),
    config_of,
    line_of=line_of,
    printed=printed,
    figure=draw,
    notes=lambda plan, folder: [
        spread.in_words() for spread in kept_spreads(folder / "mnist-variance.csv", plan.options.data)
    ],
    load=load,
    measure=measure,
    key=_key,
    options=Options,
    defaults={"row": list(ROWS), "seed": [0, 1, 2]},
    quick={"row": ["gauss-newton-tt"], "seed": [0]},
)


def _tuning_config(sample: Sample, value: float, seed: int) -> RunConfig:
    way, budget = ROWS[sample.setting["row"]], sample.options.max_inferences
    return config_with(
        way, sample.options, seed, value, budget // 10 if way.chip == "dense-mnist" else budget
    )


_TUNED_ROWS = tuple(name for name, way in ROWS.items() if way.key is not None)

TUNING = tuning_study(
    "tables-mnist-tuning",
    "The step size of every row of the MNIST table with the lowest validation error, on a seed of its own.",
    (Axis("row", "row", "text", choices=_TUNED_ROWS),),
    _tuning_config,
    lambda sample: ROWS[sample.setting["row"]].values,
    seeds=(100,),
    beyond=0,
    load=load,
    options=Options,
    defaults={"row": list(_TUNED_ROWS)},
    quick={"row": ["rge-tt"], "max_inferences": 100_000},
)

"""MNIST without back-propagation: every way to train, on dense, tensor-train and noisy optical networks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import tomli_w
from rich.console import Console

from experiments.compare import finished_run
from experiments.config import RunConfig, default_table, resolve
from experiments.csv_file import write_csv
from experiments.datasets import load_dataset
from experiments.errors import UsageError
from experiments.first_order import EpochReport, ExactNetwork, FirstOrderOptions, train_first_order
from experiments.gradient_variance import Spread, gradient_spread
from experiments.runs import CONFIG, HISTORY, RESULT
from experiments.settings import apply_settings, read_toml
from experiments.style import figure
from photonics.chip import fabricate
from photonics.designs import get_design
from training.checkpoint import write_atomically
from training.oracle import Array
from training.trainer import HISTORY_COLUMNS

THRESHOLDS = (0.70, 0.80, 0.85, 0.90, 0.93, 0.95)
"""Validation accuracies whose first inferences are tabulated."""

TUNING_SEED = 100
"""Step sizes are chosen on it; the table never uses it."""


@dataclass(frozen=True)
class Row:
    """A way to train a network.

    Attributes:
        name: of its run folders, and on the command line.
        label: in table and figure.
        chip: design.
        optimizer: name of the method; None for exact gradients.
        max_inferences: budget; for exact gradients that of its options.
        noise: preset.
        settings: changes to the run's table, as for `photonzero train --set`.
        key: the setting that is tuned, None for a row that is used as it is.
        values: that it is tried with.
    """

    name: str
    label: str
    chip: str
    optimizer: str | None
    max_inferences: int = 0
    noise: str = "ideal"
    settings: tuple[str, ...] = ()
    key: str | None = None
    values: tuple[float, ...] = ()


_RATE = "optimizer.learning_rate"
_PATIENCE = ("optimizer.patience=15",)
"""Steps without progress after which the hybrid turns to coordinates: a run has about two hundred."""

_COSINE = ('optimizer.schedule="cosine"', "optimizer.schedule_steps=140")
"""Down to a tenth within the budget: with a constant step random directions lose again what they found."""

_DENSE, _TT, _LONG = 100_000, 1_000_000, 4_000_000

_FROZEN = 'frozen=["layer1/bias"]'
"""The hidden biases are 1,024 of 2,506 controls, and exact gradients do as well without them."""

_WHOLE_GRADIENTS = (
    _FROZEN,
    "optimizer.antithetic=false",
    "optimizer.n_coordinates=1482",
    "optimizer.beta2=0.99",
    'optimizer.schedule="cosine"',
    "optimizer.schedule_factor=0.01",
    f"{_RATE}=0.1",
)
"""After its stall the hybrid takes gradients of all trained controls on small batches."""

_UNIFORM = (*_WHOLE_GRADIENTS, "batch_size=64", "optimizer.schedule_steps=1300")

_CHOSEN = (
    *_WHOLE_GRADIENTS,
    "batch_size=8",
    "batches.pool=32",
    "batches.shift_px=1",
    "optimizer.fresh_update=true",
    "optimizer.schedule_steps=2400",
)
"""The few images of a batch are drawn from many, as in recursive Gauss-Newton, and shifted."""


ROWS = (
    Row("exact-dense", "exact gradients, dense", "dense-mnist", None),
    Row("exact-tt", "exact gradients, TT", "tt-mnist", None),
    Row("exact-dense-shifted", "exact gradients, dense, shifted images", "dense-mnist", None),
    Row("exact-tt-shifted", "exact gradients, TT, shifted images", "tt-mnist", None),
    Row("rge-dense", "random directions, dense", "dense-mnist", "rge-adam", _DENSE, key=_RATE,
        values=(0.01, 0.03, 0.1)),
    Row("coordinate-dense", "coordinate-wise, dense", "dense-mnist", "coordinate", _DENSE,
        settings=(f"{_RATE}=1.0",)),
    Row("hybrid-dense", "hybrid, dense", "dense-mnist", "hybrid", _DENSE,
        settings=(*_PATIENCE, f"{_RATE}=0.03")),
    Row("rge-tt", "random directions, TT", "tt-mnist", "rge-adam", _TT,
        settings=_COSINE, key=_RATE, values=(0.03, 0.1, 0.3)),
    Row("coordinate-tt", "coordinate-wise, TT", "tt-mnist", "coordinate", _TT,
        settings=_COSINE, key=_RATE, values=(0.3, 1.0, 3.0)),
    Row("hybrid-tt", "hybrid, TT", "tt-mnist", "hybrid", _TT,
        settings=(*_PATIENCE, *_COSINE), key=_RATE, values=(0.03, 0.1, 0.3)),
    Row("hybrid-tt-long", "hybrid, TT, longer", "tt-mnist", "hybrid", 100_000_000, settings=_UNIFORM),
    Row("hybrid-tt-chosen", "hybrid, TT, longer, chosen shifted images", "tt-mnist", "hybrid",
        30_000_000, settings=_CHOSEN),
    Row("gauss-newton-tt", "Gauss-Newton, TT", "tt-mnist", "gauss-newton", _TT),
    Row("gauss-newton-tt-long", "Gauss-Newton, TT, longer", "tt-mnist", "gauss-newton", _LONG),
    Row("recursive-tt", "recursive Gauss-Newton, TT, shifted images", "tt-mnist",
        "recursive-gauss-newton", 30_000_000),
    Row("gauss-newton-tonn", "Gauss-Newton, TONN with noise", "tonn-mnist", "gauss-newton", _TT, "published"),
    Row("gauss-newton-tonn-long", "Gauss-Newton, TONN with noise, longer", "tonn-mnist",
        "gauss-newton", _LONG, "published"),
    Row("recursive-tonn", "recursive Gauss-Newton, TONN with noise, shifted images", "tonn-mnist",
        "recursive-gauss-newton", 60_000_000, "published", ("optimizer.forgetting=0.98",)),
    Row("gauss-newton-int8", "Gauss-Newton, int8 TT", "int8-mnist", "gauss-newton", _TT),
    Row("recursive-int8", "recursive Gauss-Newton, int8 TT, shifted images", "int8-mnist",
        "recursive-gauss-newton", 30_000_000),
    Row("rge-int8", "random directions, int8 TT", "int8-mnist", "rge-adam", _TT,
        settings=("optimizer.whole_codes=true", *_COSINE), key=_RATE, values=(0.03, 0.1, 0.3)),
)  # fmt: skip

TUNED: Mapping[str, float] = MappingProxyType(
    {"rge-dense": 0.03, "rge-tt": 0.1, "coordinate-tt": 1.0, "hybrid-tt": 0.1, "rge-int8": 0.1}
)
"""What `photonzero tables mnist --tune` chose.

On the dense network the coordinate-wise method takes its rate on the tensor train, and the hybrid that of
random directions: a run there has a dozen steps.
"""

_FIRST_ORDER: Mapping[str, FirstOrderOptions] = MappingProxyType(
    {
        "exact-dense": FirstOrderOptions(epochs=20, learning_rate=0.03),
        "exact-tt": FirstOrderOptions(epochs=20, learning_rate=0.1),
        "exact-dense-shifted": FirstOrderOptions(epochs=20, learning_rate=0.03, shift_px=1),
        "exact-tt-shifted": FirstOrderOptions(epochs=20, learning_rate=0.1, shift_px=1),
    }
)

COLUMNS: tuple[str, ...] = (
    "row",
    "method",
    "chip",
    "noise",
    "seed",
    "parameters",
    "test_accuracy",
    "validation_accuracy",
    "inferences",
    "wall_s",
    "learning_rate",
    *(f"to_{threshold:g}" for threshold in THRESHOLDS),
)


def rows_named(names: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows of these names; none for all.

    Raises:
        UsageError: an unknown name.
    """
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise UsageError(f"row: {name!r}; allowed: {', '.join(known)}")
    return tuple(known[name] for name in names) or ROWS


def row_config(row: Row, seed: int, data: str | None, value: float | None, budget: int) -> RunConfig:
    """The configuration of one forward-only run of a row.

    Args:
        row: not one of exact gradients.
        seed: of chip and training.
        data: folder of the files; None takes the environment's.
        value: of the row's key, None where it has none.
        budget: inferences.
    """
    assert row.optimizer is not None
    table = default_table("mnist", row.optimizer, None, row.noise)
    settings = [f'chip="{row.chip}"', f"seed={seed}", f"limits.max_inferences={budget}", *row.settings]
    if data is not None:
        settings.append(f"data={json.dumps(data)}")
    if row.key is not None and value is not None:
        settings.append(f"{row.key}={value}")
    return resolve(apply_settings(table, settings))


def tabulate_mnist(
    out: Path, n_seeds: int, names: tuple[str, ...], data: str | None, quiet: bool
) -> list[dict[str, Any]]:
    """Train every row: mnist.csv, mnist.png, mnist-variance.csv and a table on stdout.

    Args:
        out: folder; a run in it that is finished is not repeated, one that was interrupted continues.
        n_seeds: seeds 0 to n - 1, of chip and training.
        names: rows; none for all.
        data: folder of the files; None takes the environment's.
        quiet: print nothing.

    Returns:
        The rows of the CSV.

    Raises:
        UsageError: an unknown row, data that cannot be used, or a folder with another run.
    """
    chosen = rows_named(names)
    results: list[dict[str, Any]] = []
    curves: dict[str, list[Array]] = {}
    # Seed after seed: a table that is interrupted has all of its rows.
    for seed in range(n_seeds):
        for row in chosen:
            folder = out / f"{row.name}-{seed}"
            value = TUNED.get(row.name)
            if row.optimizer is None:
                value = _FIRST_ORDER[row.name].learning_rate
                result = _first_order_run(row, seed, data, folder)
            else:
                config = row_config(row, seed, data, value, row.max_inferences)
                result = finished_run(config, folder, quiet)
            history = _history(folder)
            curves.setdefault(row.name, []).append(history)
            results.append(_csv_row(row, seed, result, history, value))
            if not quiet:
                print(f"{row.name} seed {seed}: {result['test_accuracy']:.4f}", flush=True)
    results.sort(key=lambda r: [row.name for row in chosen].index(r["row"]))
    write_csv(out / "mnist.csv", COLUMNS, results)
    _draw(out / "mnist.png", chosen, curves)
    spreads = _kept_spreads(out / "mnist-variance.csv", data)
    if not quiet:
        console = Console(highlight=False)
        console.print(markdown_table(results), markup=False, soft_wrap=True)
        for spread in spreads:
            console.print(spread.in_words(), markup=False, soft_wrap=True)
        console.print(f"every run, mnist.csv and mnist.png are in {out}", markup=False, soft_wrap=True)
    return results


def tune(out: Path, names: tuple[str, ...], data: str | None, budget: int, quiet: bool) -> dict[str, float]:
    """The value of each row's key with the lowest validation error at the end of a short run.

    Args:
        out: folder of the runs.
        names: rows; none for all.
        data: folder of the files.
        budget: inferences of a run on a tensor train; a tenth of it on the dense network, as in the table.
        quiet: print nothing.
    """
    best: dict[str, float] = {}
    for row in rows_named(names):
        if row.key is None:
            continue
        errors = []
        for value in row.values:
            folder = out / f"{row.name}-{value:g}"
            short = budget // 10 if row.chip == "dense-mnist" else budget
            finished_run(row_config(row, TUNING_SEED, data, value, short), folder, quiet)
            errors.append(float(_history(folder)[-1, 3]))
        best[row.name] = row.values[int(np.argmin(errors))]
        if not quiet:
            print(row.name, dict(zip(row.values, errors, strict=True)), flush=True)
    return best


def measured_spreads(data: str | None) -> list[Spread]:
    """How far estimates from random directions are from the gradient, dense against tensor train."""
    dataset = load_dataset("mnist", data)
    return [
        gradient_spread(name, dataset, n_directions=28, batch_size=100, n_estimates=10, seed=0)
        for name in ("dense-mnist", "tt-mnist")
    ]


def _kept_spreads(path: Path, data: str | None) -> list[Spread]:
    """`measured_spreads`, from its file if it is there."""
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [msgspec.convert(row, Spread, strict=False) for row in rows]
    spreads = measured_spreads(data)
    write_csv(path, tuple(asdict(spreads[0])), [asdict(spread) for spread in spreads])
    return spreads


def _first_order_run(row: Row, seed: int, data: str | None, folder: Path) -> dict[str, Any]:
    """A run with exact gradients, from its folder if it is there."""
    options = _FIRST_ORDER[row.name]
    config = {"problem": "mnist", "chip": row.chip, "seed": seed, "first_order": asdict(options)}
    if (folder / CONFIG).exists():
        if read_toml(folder / CONFIG) != config:
            raise UsageError(f"{folder}: holds another run; allowed: another --out")
        if (folder / RESULT).exists():
            return json.loads((folder / RESULT).read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / CONFIG, lambda file: tomli_w.dump(config, file))
    dataset = load_dataset("mnist", data)
    design = get_design(row.chip)
    _, initial, order = np.random.SeedSequence(seed).spawn(3)
    chip = fabricate(design, resolve(default_table("mnist", "rge-adam", None, "ideal")).noise, seed)
    network = ExactNetwork(design)
    reports: list[EpochReport] = []
    start = chip.initial_controls(np.random.default_rng(initial))
    controls = train_first_order(
        network, start, dataset, options, np.random.default_rng(order), reports.append
    )
    lines = [(r.step, r.images, repr(r.loss), repr(r.validation_error), f"{r.wall_s:.3f}") for r in reports]
    _write_text(folder / HISTORY, [HISTORY_COLUMNS, *lines])
    # The simulated chip answers the test, as for every other row.
    answers = chip.measure(controls[None], dataset.test[0])[0].argmax(axis=1)
    result = {
        "schema": 1,
        "problem": "mnist",
        "chip": row.chip,
        "seed": seed,
        "n_controls": chip.n_controls,
        "test_accuracy": float((answers == dataset.test[1]).mean()),
        "inferences": reports[-1].images,
        "wall_s": reports[-1].wall_s,
    }
    write_atomically(folder / RESULT, lambda file: file.write((json.dumps(result, indent=2) + "\n").encode()))
    return result


def _history(folder: Path) -> Array:
    """Rows of history.csv: step, inferences, loss, validation error, wall time."""
    return np.genfromtxt(folder / HISTORY, delimiter=",", skip_header=1).reshape(-1, 5)


def _csv_row(
    row: Row, seed: int, result: Mapping[str, Any], history: Array, value: float | None
) -> dict[str, Any]:
    # Exact gradients keep the best epoch, forward-only training where it stands.
    error = history[:, 3].min() if row.optimizer is None else history[-1, 3]
    reached = {}
    for threshold in THRESHOLDS:
        steps = np.flatnonzero(history[:, 3] <= 1 - threshold + 1e-12)
        reached[f"to_{threshold:g}"] = int(history[steps[0], 1]) if steps.size else None
    return {
        "row": row.name,
        "method": row.label,
        "chip": row.chip,
        "noise": row.noise,
        "seed": seed,
        "parameters": result["n_controls"],
        "test_accuracy": round(result["test_accuracy"], 6),
        "validation_accuracy": round(1 - float(error), 6),
        "inferences": result["inferences"],
        "wall_s": round(result["wall_s"], 1),
        "learning_rate": value,
        **reached,
    }


def _write_text(path: Path, lines: list[Any]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """The rows of several seeds as a table for the manual, a line a method."""
    lines = [
        "| method, network | parameters | test accuracy, median | range | inferences | wall, median |"
        + "".join(f" to {threshold:.0%} |" for threshold in THRESHOLDS),
        "|---|---|---|---|---|---|" + "---|" * len(THRESHOLDS),
    ]
    for name in dict.fromkeys(row["row"] for row in rows):
        own = [row for row in rows if row["row"] == name]
        accuracy = np.array([row["test_accuracy"] for row in own])
        cells = [
            own[0]["method"],
            f"{own[0]['parameters']:,}",
            f"{np.median(accuracy):.1%}",
            f"{accuracy.min():.1%} to {accuracy.max():.1%}",
            f"{np.median([row['inferences'] for row in own]):.1e}",
            f"{np.median([row['wall_s'] for row in own]):.0f} s",
        ]
        for threshold in THRESHOLDS:
            reached = [row[f"to_{threshold:g}"] or np.inf for row in own]
            median = float(np.median(reached))
            cells.append(f"{median:.1e}" if np.isfinite(median) else "-")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_LINES: Mapping[str, str] = MappingProxyType(
    {"dense-mnist": ":", "tt-mnist": "-", "int8-mnist": "--", "tonn-mnist": "-."}
)


def _draw(path: Path, rows: tuple[Row, ...], curves: Mapping[str, list[Array]]) -> None:
    """Validation accuracy against inferences: median line and range band; exact gradients as levels.

    Of a row that exists with a larger budget too, only the longer one is drawn.
    """
    names = {row.name for row in rows}
    rows = tuple(row for row in rows if f"{row.name}-long" not in names)
    with figure(path, 7.0, 4.6) as drawn:
        axes = drawn.subplots()
        for k, row in enumerate(row for row in rows if row.optimizer is not None):
            histories = curves[row.name]
            first = max(history[0, 1] for history in histories)
            last = min(history[-1, 1] for history in histories)
            grid = np.geomspace(first, max(last, first * 1.01), 80)
            accuracy = np.stack([1 - _at(history, grid) for history in histories])
            style, color = _LINES[row.chip], f"C{k}"
            width = 2.2 if row.optimizer == "gauss-newton" else 1.2
            low, high = accuracy.min(axis=0), accuracy.max(axis=0)
            axes.fill_between(grid, low, high, color=color, alpha=0.15, linewidth=0)
            median = np.median(accuracy, axis=0)
            axes.plot(
                grid, median, style, color=color, linewidth=width, label=row.label.removesuffix(", longer")
            )
        for row in rows:
            if row.optimizer is None:
                level = float(np.median([1 - history[:, 3].min() for history in curves[row.name]]))
                line = "--" if row.chip == "tt-mnist" else ":"
                color = "black" if row.name.endswith("-shifted") else "0.6"
                axes.axhline(level, color=color, linestyle=line, linewidth=0.9, label=row.label)
        axes.set_xscale("log")
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel("validation accuracy")
        n_seeds = len(next(iter(curves.values())))
        axes.set_title(f"MNIST, 7,000 images to train; median and range of {n_seeds} seeds")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False, fontsize="small")


def _at(history: Array, grid: Array) -> Array:
    """Validation error after so many inferences: that of the last step completed by then."""
    index = np.searchsorted(history[:, 1], grid * (1 + 1e-9), side="right") - 1
    return history[np.maximum(index, 0), 3]

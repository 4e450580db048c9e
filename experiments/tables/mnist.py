"""MNIST without back-propagation: every way to train, on dense, tensor-train and noisy optical networks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import tomli_w
from rich.console import Console

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.drawing.style import figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.run.runs import CONFIG, HISTORY, RESULT
from photonzero.experiments.tables.first_order import EpochReport, ExactNetwork, train_first_order
from photonzero.experiments.tables.gradient_variance import Spread, gradient_spread
from photonzero.experiments.tables.hjb20 import finished_run
from photonzero.experiments.tables.mnist_rows import FIRST_ORDER, TUNED, Row, row_config, rows_named
from photonzero.experiments.tasks.datasets import load_dataset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.checkpoint import write_atomically
from photonzero.training.oracle import Array
from photonzero.training.trainer import HISTORY_COLUMNS

THRESHOLDS = (0.70, 0.80, 0.85, 0.90, 0.93, 0.95)
"""Validation accuracies whose first inferences are tabulated."""

TUNING_SEED = 100
"""Step sizes are chosen on it; the table never uses it."""


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
                value = FIRST_ORDER[row.name].learning_rate
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
    options = FIRST_ORDER[row.name]
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
    chip = fabricate(design, resolve(default_table("mnist", "rge-adam", None, "ideal")).noise.model, seed)
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
    """Validation error against inferences: median line and range band; exact gradients as levels.

    Of a row that exists with a larger budget too, only the longer one is drawn.
    """
    names = {row.name for row in rows}
    rows = tuple(row for row in rows if f"{row.name}-long" not in names)
    with figure(path, 7.0, 6.2) as drawn:
        axes = drawn.subplots()
        for k, row in enumerate(row for row in rows if row.optimizer is not None):
            histories = curves[row.name]
            first = max(history[0, 1] for history in histories)
            last = min(history[-1, 1] for history in histories)
            grid = np.geomspace(first, max(last, first * 1.01), 80)
            error_pct = 100 * np.stack([_at(history, grid) for history in histories])
            style, color = _LINES[row.chip], f"C{k}"
            width = 2.2 if "gauss-newton" in str(row.optimizer) else 1.2
            low, high = error_pct.min(axis=0), error_pct.max(axis=0)
            axes.fill_between(grid, low, high, color=color, alpha=0.15, linewidth=0)
            median = np.median(error_pct, axis=0)
            axes.plot(
                grid, median, style, color=color, linewidth=width, label=row.label.removesuffix(", longer")
            )
        for row in rows:
            if row.optimizer is None:
                level = 100 * float(np.median([history[:, 3].min() for history in curves[row.name]]))
                line = "--" if row.chip == "tt-mnist" else ":"
                color = "black" if row.name.endswith("-shifted") else "0.6"
                axes.axhline(level, color=color, linestyle=line, linewidth=0.9, label=row.label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(2.0, 100.0)
        ticks_pct = (2, 5, 10, 20, 50, 100)
        axes.set_yticks(ticks_pct, labels=[str(tick) for tick in ticks_pct])
        axes.set_xlabel("optical inferences of training")
        axes.set_ylabel("validation images answered wrong [%]")
        n_seeds = len(next(iter(curves.values())))
        axes.set_title(f"MNIST, 7,000 images to train; median and range of {n_seeds} seeds")
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.14),
            ncols=2,
            frameon=False,
            fontsize="small",
            handlelength=3.5,
        )


def _at(history: Array, grid: Array) -> Array:
    """Validation error after so many inferences: that of the last step completed by then."""
    index = np.searchsorted(history[:, 1], grid * (1 + 1e-9), side="right") - 1
    return history[np.maximum(index, 0), 3]

"""Tensor trains against dense layers: variance of a gradient estimate, and error at equal inferences.

The source paper's claim is that tensor compression makes forward-only training possible because fewer
controls mean less variance [zhao2023tonn]. Here both networks have the same widths, inputs and activation,
each with the step size that suits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.drawing.style import PALETTE, figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.runs import assemble
from photonzero.experiments.tables.hjb20 import finished_run
from photonzero.experiments.tables.optimizers import error_after, read_history, search
from photonzero.photonics.designs import get_design
from photonzero.photonics.networks.twins import dense_twin
from photonzero.training.estimators import RandomDirections
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.oracle import Array

_LEARNING_RATES = (0.003, 0.01, 0.03)
_BEYOND = 3
"""Further rates that are tried where the best one is the first or the last."""

_TUNING_SEED = 100
"""Learning rates are chosen on it; the table never uses it."""

_PERTURBATION = 1e-4
"""Of each control, in units of its group's scale: small enough for the loss to be linear."""


@dataclass(frozen=True)
class _Task:
    """Name of the tensor-train family, widths of the dense layers, collocation points or samples."""

    family: str
    widths: tuple[int, ...]
    batch_size: int


_TASKS: Mapping[str, _Task] = MappingProxyType(
    {
        "black-scholes": _Task("black-scholes", (2, 128, 128), 100),
        "digits": _Task("digits", (64, 128), 300),
    }
)

_NETWORKS: tuple[tuple[str, str], ...] = (
    ("tensor train", "phase"),
    ("dense", "phase"),
    ("tensor train", "weight"),
    ("dense", "weight"),
)


@dataclass(frozen=True)
class Spread:
    """Variance of an estimate of K antithetic Rademacher pairs, in units of the squared gradient.

    Attributes:
        n_controls: n.
        law: ``(n - 1) / K``, exact for a quadratic.
        measured: on a chip without imperfections.
    """

    n_controls: int
    law: float
    measured: float


def gradient_spread(table: Mapping[str, Any], n_directions: int, n_estimates: int) -> Spread:
    """Measure the variance of gradient estimates at the start of a run.

    With slopes s_k along the directions, ``E s_k^2 = |gradient|^2``: no exact gradient is needed.

    Args:
        table: configuration of the run; its noise should be "ideal" and its dtype "float64".
        n_directions: K.
        n_estimates: independent estimates on one batch.
    """
    config = resolve(table)
    parts = assemble(config, None)
    x = parts.initial_controls
    sizes = _PERTURBATION * control_scales(parts.chip.control_groups, x.size)
    estimator = RandomDirections(x.size, n_directions, "rademacher", True)
    rng = np.random.default_rng([config.seed, 1])
    squares, lengths = [], []
    for step in range(n_estimates):
        probes = estimator.probes(step, rng)
        losses = parts.objective.evaluate(parts.chip, x + sizes * probes.offsets).losses
        slopes = (losses[:n_directions] - losses[n_directions:]) / 2
        squares.append(float((slopes**2).mean()))
        lengths.append(float((probes.gradient(losses) ** 2).sum()))
    measured = float(np.mean(lengths) / np.mean(squares)) - 1.0
    return Spread(x.size, (x.size - 1) / n_directions, measured)


def compare_compression(
    out: Path, problems: tuple[str, ...], n_seeds: int, budget: int, n_estimates: int, quiet: bool
) -> None:
    """Train dense and tensor-train networks with random directions: compression.csv and compression.png.

    Args:
        out: folder; finished runs in it are not repeated.
        problems: names.
        n_seeds: seeds 0 to n - 1, of chip and training.
        budget: inferences of a run.
        n_estimates: gradient estimates for their variance.
        quiet: print nothing.

    Raises:
        UsageError: a problem without a dense twin, or a folder with another run.
    """
    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, list[Array]]] = {}
    for problem in problems:
        if problem not in _TASKS:
            raise UsageError(f"problem: {problem!r}; allowed: {', '.join(_TASKS)}")
        for network, domain in _NETWORKS:
            table = _table(problem, network, domain, budget)
            spread = _spread(table, n_estimates)
            rate = _best_rate(out, table, f"{problem}-{network}-{domain}".replace(" ", "-"), quiet)
            for seed in range(n_seeds):
                folder = out / f"{problem}-{network}-{domain}-{seed}".replace(" ", "-")
                result = finished_run(resolve(_with(table, seed, rate)), folder, quiet)
                label = f"{network}, {domain} domain, {spread.n_controls:,} controls"
                curves.setdefault(problem, {}).setdefault(label, []).append(read_history(folder))
                error = result["rel_l2"] if "rel_l2" in result else 1.0 - result["test_accuracy"]
                rows.append(
                    {
                        "problem": problem,
                        "network": network,
                        "domain": domain,
                        **asdict(spread),
                        "learning_rate": rate,
                        "seed": seed,
                        "inferences": result["inferences"],
                        "error": error,
                    }
                )
    write_csv(out / "compression.csv", list(rows[0]), rows)
    _draw(out / "compression.png", curves, n_seeds)
    if not quiet:
        _print_summary(rows, out)


def _table(problem: str, network: str, domain: str, budget: int) -> dict[str, Any]:
    """The configuration of a run but for its seed and learning rate."""
    task = _TASKS[problem]
    name = f"{'tonn' if domain == 'phase' else 'tt'}-{task.family}"
    table = default_table(problem, "rge-adam", None, "published")
    table["chip"] = name
    table["batch_size"] = task.batch_size
    table["limits"] = {"max_inferences": budget}
    if network == "dense":
        design = dense_twin(get_design(name), task.widths)
        table["chip"] = design.name
        table["design"] = _plain(design.to_table())
    return table


def _plain(value: Any) -> Any:
    """Without None, tuples as lists: what a TOML file would give."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items() if part is not None}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _with(table: Mapping[str, Any], seed: int, learning_rate: float) -> dict[str, Any]:
    return {**table, "seed": seed, "optimizer": {**table["optimizer"], "learning_rate": learning_rate}}


def _spread(table: Mapping[str, Any], n_estimates: int) -> Spread:
    problem = table["problem"]
    ideal = default_table(problem, "rge-adam", None, "ideal")["noise"]
    n_directions = table["optimizer"]["n_directions"]
    return gradient_spread({**table, "noise": ideal, "dtype": "float64"}, n_directions, n_estimates)


def _best_rate(out: Path, table: Mapping[str, Any], name: str, quiet: bool) -> float:
    """The learning rate of lowest validation error at the end."""

    def error(rate: float) -> float:
        folder = out / "tuning" / f"{name}-{rate:g}"
        finished_run(resolve(_with(table, _TUNING_SEED, rate)), folder, quiet)
        return float(read_history(folder)[-1, 3])

    errors = search(error, _LEARNING_RATES, _BEYOND)
    return min(errors, key=errors.__getitem__)


def _draw(path: Path, curves: Mapping[str, Mapping[str, list[Array]]], n_seeds: int) -> None:
    """A panel a problem: median line and range band of every network."""
    with figure(path, 4.2 * len(curves), 3.8) as drawn:
        panels = drawn.subplots(1, len(curves), squeeze=False)[0]
        for axes, (problem, networks) in zip(panels, curves.items(), strict=True):
            for color, (label, histories) in zip(PALETTE, networks.items(), strict=False):
                first = max(history[0, 1] for history in histories)
                last = min(history[-1, 1] for history in histories)
                grid = np.geomspace(first, max(last, first * 1.01), 60)
                errors = np.stack([error_after(history, grid) for history in histories])
                low, high = errors.min(axis=0), errors.max(axis=0)
                axes.fill_between(grid, low, high, color=color, alpha=0.15, linewidth=0)
                axes.plot(grid, np.median(errors, axis=0), color=color, label=label)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("optical inferences of training")
            axes.set_title(problem)
            axes.legend(loc="lower left", fontsize=6)
        panels[0].set_ylabel("validation error")
        drawn.suptitle(f"random directions + Adam, published noise; median and range of {n_seeds} seeds")


def _print_summary(rows: list[dict[str, Any]], out: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for column in (
        "problem",
        "network",
        "domain",
        "controls",
        "law",
        "measured",
        "error",
        "lowest",
        "highest",
    ):
        table.add_column(column)
    for key in dict.fromkeys((row["problem"], row["network"], row["domain"]) for row in rows):
        own = [row for row in rows if (row["problem"], row["network"], row["domain"]) == key]
        errors = np.array([row["error"] for row in own])
        numbers = [f"{v:.2g}" for v in (np.median(errors), errors.min(), errors.max())]
        first = own[0]
        table.add_row(
            *key, f"{first['n_controls']:,}", f"{first['law']:.3g}", f"{first['measured']:.3g}", *numbers
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "law, measured: variance of a gradient estimate in units of the squared gradient; medians over "
        f"seeds; compression.csv and compression.png are in {out}",
        markup=False,
        soft_wrap=True,
    )

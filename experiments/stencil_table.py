"""Which stencil to take: errors of derivatives and of training against inferences per collocation point."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from rich.console import Console
from rich.table import Table

from devices.noise_model import preset
from devices.readout_noise import ReadoutNoise
from experiments.style import BLUE, GREEN, ORANGE, figure
from photonics.chip import fabricate
from photonics.designs import get_design
from training.checkpoint import write_atomically
from training.objective import PinnObjective
from training.optimizers import GaussNewtonOptions, SubspaceGaussNewton, start_on
from training.oracle import Array
from training.problems import PDE, Coordinates, Field, get_problem
from training.stencils import DerivativeRequest, DerivativeRule, make_rule
from training.trainer import Limits, TrainingRun

N_SPACE = 20
TRAINED = "hjb20-log"
"""What is trained: in the same 21 dimensions, and with a network output that is not a constant."""

NOISE_LEVELS = (0.0, 0.001, 0.01)
"""Standard deviation of detector noise, in units of the detector's full scale and of u."""


@dataclass(frozen=True)
class Choice:
    """A row: a rule and its options.

    Attributes:
        label: in table and figure.
        rule: its name.
        options: its settings; the spacing is "auto" for the noise.
        length: what the rule calls its spacing.
    """

    label: str
    rule: str
    options: dict[str, Any]
    length: str = "spacing"

    def make(self, noise_std: float, length: float | str = "auto") -> DerivativeRule:
        """The rule for some detector noise."""
        scale = {"noise_std": noise_std, self.length: length}
        return make_rule(self.rule, **self.options, **scale)


CHOICES = (
    Choice("central", "central", {}),
    Choice("central, 4th order", "central4", {}),
    Choice("sparse grid (published)", "sparse-grid", {"level": 3}, "sigma"),
    Choice("sparse grid, nested", "sparse-grid", {"level": 3, "family": "kronrod-patterson"}, "sigma"),
    Choice("Monte Carlo Stein, 64 pairs", "stein-mc", {"n_pairs": 64}, "sigma"),
    Choice("1 random direction", "hutchinson", {"n_directions": 1}),
    Choice("8 random directions", "hutchinson", {"n_directions": 8}),
    Choice("32 random directions", "hutchinson", {"n_directions": 32}),
    Choice("4 of 20 dimensions", "sampled-dims", {"n_dims": 4}),
)

COLUMNS: tuple[str, ...] = (
    "rule", "noise", "inferences_per_point", "error_ux", "error_uxx", "error_residual",
    "trained_median", "trained_min", "trained_max", "n_seeds", "budget", "training_inferences", "steps",
)  # fmt: skip


class _Waves(PDE):
    """The left side of HJB-20 for ``u = sum sin x_i + sin(mean of x_i x_(i+1)) + 1 - t``: not linear."""

    domain = {"x": (0.0, 1.0, N_SPACE), "t": (0.0, 1.0)}  # noqa: RUF012
    presented = None

    def residual(self, at: Coordinates, u: Field) -> Array:
        """``u_t + lap u - 0.05 |grad u|^2``; its error is that of the stencil."""
        return u.t + u.laplacian - 0.05 * u.squared_gradient

    def exact(self, at: Coordinates) -> Array:
        """The u of the class's text."""
        coupling = (at.x[..., 1:] * at.x[..., :-1]).mean(axis=-1)
        return np.sin(at.x).sum(axis=-1) + np.sin(coupling) + 1.0 - at.t

    def derivatives(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """u_1, u_11, the Laplacian and |grad u|^2 at x (B, n)."""
        n = x.shape[1] - 1
        inner = (x[:, 1:] * x[:, :-1]).mean(axis=1)[:, None]
        neighbours = np.zeros_like(x)
        neighbours[:, 1:] += x[:, :-1] / n
        neighbours[:, :-1] += x[:, 1:] / n
        slope = np.cos(x) + np.cos(inner) * neighbours
        second = -np.sin(x) - np.sin(inner) * neighbours**2
        return slope[:, 0], second[:, 0], second.sum(axis=1), (slope**2).sum(axis=1)


def derivative_errors(choice: Choice, noise_std: float, n_points: int = 100) -> dict[str, Any]:
    """Root mean square errors of u_1, u_11 and the residual of a known u, detector noise on each value.

    NaN for a derivative that the rule does not give.
    """
    problem, rng = _Waves(), np.random.default_rng(0)
    points = problem.sample(n_points, rng)
    rule = choice.make(noise_std)
    u_x, u_xx, laplacian, squared = problem.derivatives(points[:, :-1])
    found: dict[str, list[Array]] = {"error_ux": [], "error_uxx": [], "error_residual": []}
    n_nodes = 0
    # A stencil is drawn anew for some points at a time, as training does for a batch.
    for rows in np.split(np.arange(n_points), 10):
        stencil = rule.stencil(problem.dim, rng, DerivativeRequest(laplacian=tuple(range(N_SPACE))))
        n_nodes = stencil.n_nodes
        nodes = points[rows, None, :] + stencil.offsets
        values = problem.reference(nodes)[..., 0]
        values = values + noise_std * rng.standard_normal(values.shape)
        first = stencil.apply_partial(values, (0,))
        found["error_ux"].append(first - u_x[rows])
        if stencil.hessian_diagonal is not None:
            found["error_uxx"].append(stencil.apply_partial(values, (0, 0)) - u_xx[rows])
        space = range(N_SPACE)
        residual = stencil.apply_partial(values, (N_SPACE,)) + stencil.laplacian(values, space)
        residual = residual - 0.05 * stencil.squared_gradient(values, space)
        found["error_residual"].append(residual - (-1.0 + laplacian[rows] - 0.05 * squared[rows]))
    errors = {
        key: float(np.sqrt(np.mean(np.concatenate(e) ** 2))) if e else np.nan for key, e in found.items()
    }
    return {"inferences_per_point": n_nodes, **errors}


def trained_error(choice: Choice, noise_std: float, seed: int, budget: int) -> tuple[float, int, int]:
    """Relative l2 error of `TRAINED` at the end of a budget, published noise and detector noise.

    The spacing is the best one for the noise, without detector noise the preset's 0.1.

    Args:
        choice: the rule.
        noise_std: of the detectors.
        seed: of chip and training.
        budget: inferences; more where the rule needs more for its first step.

    Returns:
        The error on test points, inferences spent, and steps.
    """
    noise = replace(preset("published"), readout_noise=ReadoutNoise(std_of_full_scale=noise_std))
    chip = fabricate(get_design("tonn-wide-21d"), noise, seed)
    points, controls, directions = np.random.SeedSequence(seed).spawn(3)
    rule = choice.make(noise_std, "auto" if noise_std else 0.1)
    objective = PinnObjective(get_problem(TRAINED), rule, _BATCH, int(points.generate_state(1)[0]))
    start = start_on(chip, chip.initial_controls(np.random.default_rng(controls)))
    options = GaussNewtonOptions(n_directions=2, n_remembered=1, n_dampings=1)
    optimizer = SubspaceGaussNewton(start, options, np.random.default_rng(directions))
    # The base, its probes, and the base again with each of the trials.
    first_step = 2 + options.n_directions + options.n_dampings
    limits = Limits(max(budget, first_step * objective.inferences_per_candidate))
    run = TrainingRun(chip, objective, optimizer, limits)
    run.train()
    return run.test_error(), run.inferences, optimizer.n_steps


def tabulate_stencils(out: Path, n_seeds: int, budget: int, quiet: bool) -> None:
    """stencils.csv and stencils.png in `out`, and a table on stdout.

    Args:
        out: folder, made if missing; rows in it that are finished are kept.
        n_seeds: seeds 0 to n - 1 of the training; one for rules of more than 500 nodes.
        budget: inferences of a training.
        quiet: print nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = out / "stencils.csv"
    kept = {(row["rule"], row["noise"]): row for row in read_rows(table)}
    rows: list[dict[str, Any]] = []
    for choice in CHOICES:
        for noise_std in NOISE_LEVELS:
            row = kept.get((choice.label, noise_std), {})
            n_own = n_seeds if row.get("inferences_per_point", 0) <= _FEW_NODES else 1
            if (row.get("n_seeds"), row.get("budget")) != (n_own, budget):
                row = _new_row(choice, noise_std, n_seeds, budget)
            rows.append(row)
            text = io.StringIO()
            writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                {k: f"{v:.3e}" if isinstance(v, float) else v for k, v in r.items()} for r in rows
            )
            write_atomically(table, lambda file, text=text: file.write(text.getvalue().encode()))
    draw_stencils(out / "stencils.png", rows)
    if not quiet:
        _print(rows)


def _new_row(choice: Choice, noise_std: float, n_seeds: int, budget: int) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": choice.label, "noise": noise_std}
    row |= derivative_errors(choice, noise_std)
    seeds = range(n_seeds if row["inferences_per_point"] <= _FEW_NODES else 1)
    trained = [trained_error(choice, noise_std, seed, budget) for seed in seeds]
    errors = np.array([error for error, _, _ in trained])
    return row | {
        "trained_median": float(np.median(errors)),
        "trained_min": float(errors.min()),
        "trained_max": float(errors.max()),
        "n_seeds": len(seeds),
        "budget": budget,
        "training_inferences": trained[0][1],
        "steps": trained[0][2],
    }


def read_rows(table: Path) -> list[dict[str, Any]]:
    """Rows of a stencils.csv; none where there is no such file, or one of other columns."""
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            return []
        whole = ("inferences_per_point", "n_seeds", "budget", "training_inferences", "steps")
        return [
            {
                key: value if key == "rule" else int(value) if key in whole else float(value)
                for key, value in row.items()
            }
            for row in reader
        ]


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("rule", "noise", "nodes", "u_x", "u_xx", "residual", "trained"):
        table.add_column(column)
    for row in rows:
        numbers = (row[key] for key in ("error_ux", "error_uxx", "error_residual", "trained_median"))
        cells = ("-" if np.isnan(number) else f"{number:.1e}" for number in numbers)
        table.add_row(row["rule"], f"{row['noise']:g}", str(row["inferences_per_point"]), *cells)
    Console(highlight=False).print(table)


_COLORS = (BLUE, GREEN, ORANGE)
_MARKERS = ("o", "s", "^")


def draw_stencils(path: Path, rows: list[dict[str, Any]]) -> None:
    """Errors of u_x, u_xx, residual and training against inferences a point, a colour a noise level.

    Args:
        path: of the png.
        rows: with the columns of stencils.csv.
    """
    panels = {
        "error_ux": "error of $u_x$",
        "error_uxx": "error of $u_{xx}$",
        "error_residual": "error of the residual",
        "trained_median": f"relative l2 error, {TRAINED} trained",
    }
    quiet = [row for row in rows if row["noise"] == 0.0]
    with figure(path, 8.0, 6.6) as drawn:
        grid = drawn.subplots(2, 2, sharex=True)
        for axes, (key, label) in zip(grid.flat, panels.items(), strict=True):
            for noise_std, color, marker in zip(NOISE_LEVELS, _COLORS, _MARKERS, strict=True):
                own = [row for row in rows if row["noise"] == noise_std]
                nodes = [row["inferences_per_point"] for row in own]
                name = f"{noise_std * 100:g} % detector noise" if noise_std else "no detector noise"
                errors = np.array([row[key] for row in own])
                if key == "trained_median":
                    ends = np.array([[row["trained_min"], row["trained_max"]] for row in own]).T
                    axes.errorbar(
                        nodes, errors, np.abs(ends - errors), fmt="none", color=color, linewidth=0.8
                    )
                shown = np.maximum(errors, _FLOOR)
                axes.plot(nodes, shown, marker, color=color, fillstyle="none", label=name)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_ylabel(label)
            for number, row in enumerate(quiet, start=1):
                _name_above(axes, str(number), row["inferences_per_point"], quiet)
        for axes in grid[1]:
            axes.set_xlabel("inferences per collocation point")
        keys = [
            Line2D(
                [], [], linestyle="none", marker=f"${k}$", color="black", markeredgewidth=0, label=row["rule"]
            )
            for k, row in enumerate(quiet, start=1)
        ]
        drawn.legend(handles=keys, loc="outside lower center", ncols=3)
        grid[1, 1].legend(loc="best")


def _name_above(axes: Axes, name: str, nodes: int, rows: list[dict[str, Any]]) -> None:
    """The number of a rule above its place, aside where another rule has nearly as many nodes."""
    others = [row["inferences_per_point"] for row in rows if row["inferences_per_point"] != nodes]
    side = "center"
    for other in others:
        if abs(np.log(other / nodes)) < 0.1:
            side = "right" if nodes < other else "left"
    axes.text(nodes, 1.0, name, transform=axes.get_xaxis_transform(), ha=side, va="bottom", fontsize=8)


_FEW_NODES = 500
"""Rules of more nodes are trained with one seed."""

_FLOOR = 1e-6
"""Errors below this are drawn here."""

_BATCH = 550
"""Points of a batch: Gauss-Newton fits 513 numbers of the readout to a batch."""

"""Which stencil to take: errors of derivatives and of training against inferences per collocation point."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from rich.console import Console
from rich.table import Table

from photonzero.devices.noise_model import preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.drawing.style import BLUE, GREEN, ORANGE, figure
from photonzero.experiments.files.csv_file import write_csv
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.designs import get_design
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import GaussNewtonOptions, SubspaceGaussNewton, start_on
from photonzero.training.oracle import Array
from photonzero.training.problems import PDE, Coordinates, Field, get_problem
from photonzero.training.stencils import DerivativeRequest, DerivativeRule, make_rule
from photonzero.training.trainer import Limits, TrainingRun

N_SPACE = 20
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


@dataclass(frozen=True)
class Training:
    """A problem that every rule is trained on, by few steps of a small chip.

    Attributes:
        problem: its name.
        design: of the chip; some hundred features, so that a step costs little besides inferences.
        batch_size: points of a batch, enough for the readout.
        spacing: without detector noise; with it the best one for the noise.
        several: whether its second derivatives are a sum over several coordinates. Of one there is
            nothing to draw: random directions and sampled dimensions are left out.
    """

    problem: str
    design: NetworkDesign
    batch_size: int
    spacing: float
    several: bool

    def takes(self, choice: Choice) -> bool:
        """Whether a rule is trained on it."""
        return self.several or choice.rule not in ("hutchinson", "sampled-dims")


TRAININGS = (
    Training(
        "hjb20-log",
        NetworkDesign(
            "21-128-128-1",
            "a small chip for 21 inputs",
            (TTLayer((8, 16), (3, 7), (1, 4, 1)), TTLayer((4, 4, 8), (4, 4, 8), (1, 2, 2, 1))),
        ),
        batch_size=200,
        spacing=0.1,
        several=True,
    ),
    Training("black-scholes", get_design("tonn-black-scholes"), batch_size=400, spacing=0.05, several=False),
)
"""One in the dimensions of the errors, with values given on all faces, and one where the PDE alone carries
values inwards. Neither has a constant for its network output."""

COLUMNS: tuple[str, ...] = (
    "rule", "noise", "inferences_per_point", "error_ux", "error_uxx", "error_residual", "n_seeds", "budget",
    *(f"{t.problem}_{key}" for t in TRAININGS for key in ("nodes", "steps", "median", "min", "max")),
)  # fmt: skip
_WHOLE = ("inferences_per_point", "n_seeds", "budget")


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


def trained_error(
    training: Training, choice: Choice, noise_std: float, seed: int, budget: int
) -> tuple[float, int, int]:
    """Relative l2 error at the end of a budget, published noise and detector noise.

    Args:
        training: what is trained.
        choice: the rule.
        noise_std: of the detectors.
        seed: of chip and training.
        budget: inferences; more where the rule needs more for its first step.

    Returns:
        The error on test points, the stencil's nodes, and steps.
    """
    noise = replace(preset("published"), readout_noise=ReadoutNoise(std_of_full_scale=noise_std))
    chip = fabricate(training.design, noise, seed)
    points, controls, directions = np.random.SeedSequence(seed).spawn(3)
    rule = choice.make(noise_std, "auto" if noise_std else training.spacing)
    problem, point_seed = get_problem(training.problem), int(points.generate_state(1)[0])
    objective = PinnObjective(problem, rule, training.batch_size, point_seed)
    start = start_on(chip, chip.initial_controls(np.random.default_rng(controls)))
    options = GaussNewtonOptions(n_directions=2, n_remembered=1, n_dampings=1)
    optimizer = SubspaceGaussNewton(start, options, np.random.default_rng(directions))
    # The base twice, its probes, the trials with the base, and with noise the base once more.
    first_step = 4 + options.n_directions + options.n_dampings
    limits = Limits(max(budget, first_step * objective.inferences_per_candidate))
    run = TrainingRun(chip, objective, optimizer, limits)
    run.train()
    return run.test_error(), objective.blocks[0].stencil.n_nodes, optimizer.n_steps


def tabulate_stencils(out: Path, n_seeds: int, budget: int, quiet: bool) -> None:
    """stencils.csv and stencils.png in `out`, and a table on stdout.

    Args:
        out: folder, made if missing; rows in it that are finished are kept.
        n_seeds: seeds 0 to n - 1 of the trainings.
        budget: inferences of a training.
        quiet: print nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = out / "stencils.csv"
    kept = {
        (row["rule"], row["noise"]): row
        for row in read_rows(table)
        if (row["n_seeds"], row["budget"]) == (n_seeds, budget)
    }
    rows: list[dict[str, Any]] = []
    for choice in CHOICES:
        for noise_std in NOISE_LEVELS:
            row = kept.get((choice.label, noise_std)) or _new_row(choice, noise_std, n_seeds, budget)
            rows.append(row)
            printed = ({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in r.items()} for r in rows)
            write_csv(table, COLUMNS, printed)
    draw_stencils(out / "stencils.png", rows)
    if not quiet:
        _print(rows)


def _new_row(choice: Choice, noise_std: float, n_seeds: int, budget: int) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": choice.label, "noise": noise_std, "n_seeds": n_seeds, "budget": budget}
    row |= derivative_errors(choice, noise_std)
    for training in TRAININGS:
        found = [(np.nan, np.nan, np.nan)]
        if training.takes(choice):
            found = [trained_error(training, choice, noise_std, seed, budget) for seed in range(n_seeds)]
        errors, nodes, steps = (np.array(values, dtype=float) for values in zip(*found, strict=True))
        own = {
            "nodes": nodes[0],
            "steps": np.median(steps),
            "median": np.median(errors),
            "min": errors.min(),
            "max": errors.max(),
        }
        row |= {f"{training.problem}_{key}": float(value) for key, value in own.items()}
    return row


def read_rows(table: Path) -> list[dict[str, Any]]:
    """Rows of a stencils.csv; none where there is no such file, or one of other columns."""
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            return []
        return [
            {
                key: value if key == "rule" else int(value) if key in _WHOLE else float(value)
                for key, value in row.items()
            }
            for row in reader
        ]


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    keys = ("error_ux", "error_uxx", "error_residual", *(f"{t.problem}_median" for t in TRAININGS))
    short = ("u_x", "u_xx", "residual", *(t.problem for t in TRAININGS))
    for column in ("rule", "noise", "nodes", *short):
        table.add_column(column, no_wrap=True)
    for row in rows:
        cells = ("-" if np.isnan(row[key]) else f"{row[key]:.1e}" for key in keys)
        table.add_row(row["rule"], f"{row['noise']:g}", str(row["inferences_per_point"]), *cells)
    # Wide enough for a line a row, whatever the terminal: the table is also read from files.
    Console(highlight=False, width=100).print(table)


_COLORS = (BLUE, GREEN, ORANGE)
_MARKERS = ("o", "s", "^")


def draw_stencils(path: Path, rows: list[dict[str, Any]]) -> None:
    """Errors of u_x, u_xx, residual and training against inferences a point, a colour a noise level.

    Args:
        path: of the png.
        rows: with the columns of stencils.csv.
    """
    errors = {"error_ux": "$u_x$", "error_uxx": "$u_{xx}$", "error_residual": "the residual"}
    panels = [("inferences_per_point", key, f"error of {label}") for key, label in errors.items()]
    panels += [
        (f"{t.problem}_nodes", f"{t.problem}_median", f"relative l2 error, {t.problem} trained")
        for t in TRAININGS
    ]
    with figure(path, 10.0, 6.0) as drawn:
        grid = list(drawn.subplots(2, 3).flat)
        for axes, (nodes, key, label) in zip(grid, panels, strict=False):
            for noise_std, color, marker in zip(NOISE_LEVELS, _COLORS, _MARKERS, strict=True):
                own = [row for row in rows if row["noise"] == noise_std]
                name = f"{noise_std * 100:g} % detector noise" if noise_std else "no detector noise"
                places, shown = _apart([row[nodes] for row in own]), np.array([row[key] for row in own])
                if key.endswith("_median"):
                    ends = [[row[key.replace("median", end)] for row in own] for end in ("min", "max")]
                    axes.vlines(places, *ends, color=color, linewidth=0.8)
                shown = np.maximum(shown, _FLOOR)
                axes.plot(places, shown, marker, color=color, fillstyle="none", label=name)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_ylabel(label)
            axes.set_xlabel("inferences per collocation point")
            # A rule is named once, above its place, where it has an error to show.
            quiet = [row for row in rows if row["noise"] == 0.0]
            places = _apart([row[nodes] for row in quiet])
            _name_above(axes, np.where([np.isfinite(row[key]) for row in quiet], places, np.nan))
        keys = [
            Line2D([], [], linestyle="none", marker=f"${k}$", color="black", markeredgewidth=0, label=c.label)
            for k, c in enumerate(CHOICES, start=1)
        ]
        grid[-1].axis("off")
        grid[-1].legend(handles=[*grid[0].get_legend_handles_labels()[0], *keys], loc="center")


def _apart(nodes: list[float]) -> Array:
    """Places of rules on the axis, those of equally many nodes beside each other."""
    return np.array([n * 1.1 ** nodes[:k].count(n) for k, n in enumerate(nodes)])


def _name_above(axes: Axes, places: Array) -> None:
    """Numbers of the rules above their places, aside where another rule is near."""
    for number, place in enumerate(places, start=1):
        if not np.isfinite(place):
            continue
        near = [other for other in places if other != place and abs(np.log(other / place)) < 0.15]
        side = "center" if not near else "right" if place < near[0] else "left"
        name = str(number)
        axes.text(place, 1.0, name, transform=axes.get_xaxis_transform(), ha=side, va="bottom", fontsize=8)


_FLOOR = 1e-6
"""Errors below this are drawn here."""

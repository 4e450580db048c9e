"""Which stencil to take: errors of derivatives and of training against inferences per collocation point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from photonzero.devices.noise_model import preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.files.csv_file import write_csv
from photonzero.experiments.studies.training import SEED
from photonzero.experiments.sweep.figures import FIGURES
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.experiments.tables.comparison import grouped, terminal_table
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


_CHOICES = {choice.label: choice for choice in CHOICES}
_TRAININGS = {training.problem: training for training in TRAININGS}


@dataclass(frozen=True)
class Options:
    """Settings of the comparison.

    Attributes:
        max_inferences: budget of a training.
    """

    max_inferences: int = 500_000


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """Train with a rule, where it can be."""
    rows: list[Row] = []
    for sample in samples:
        setting = sample.setting
        training, choice = _TRAININGS[setting["problem"]], _CHOICES[setting["rule"]]
        if not training.takes(choice):
            rows.append({"error": None, "nodes": None, "steps": None})
            continue
        budget = sample.options.max_inferences
        found = trained_error(training, choice, setting["noise"], setting["seed"], budget)
        rows.append(dict(zip(("error", "nodes", "steps"), found, strict=True)))
    return rows


def _key(sample: Sample) -> str:
    setting = dict(sample.setting)
    parts = [asdict(_TRAININGS[setting.pop("problem")]), asdict(_CHOICES[setting.pop("rule")])]
    text = json.dumps([*parts, setting, sample.options.max_inferences], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def lines_of(plan: Plan, rows: list[Row]) -> list[dict[str, Any]]:
    """Lines of stencils.csv: a rule at a noise, with the median and range of its trainings."""
    lines = []
    for (rule, noise_std), own in grouped(rows, "rule", "noise").items():
        counts = {"n_seeds": len(plan.grid["seed"]), "budget": plan.options.max_inferences}
        line = {"rule": rule, "noise": noise_std, **derivative_errors(_CHOICES[rule], noise_std), **counts}
        for training in TRAININGS:
            trained = [row for row in own if row["problem"] == training.problem and row["error"] is not None]
            columns = {key: [row[key] for row in trained] or [np.nan] for key in ("error", "nodes", "steps")}
            errors = columns["error"]
            numbers = {
                "nodes": columns["nodes"][0],
                "steps": np.median(columns["steps"]),
                "median": np.median(errors),
                "min": min(errors),
                "max": max(errors),
            }
            line |= {f"{training.problem}_{key}": float(value) for key, value in numbers.items()}
        lines.append({column: line[column] for column in COLUMNS})
    return lines


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """stencils.csv, four digits a number, and a figure of it."""
    lines = lines_of(plan, rows)
    rounded = ({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in line.items()} for line in lines)
    write_csv(folder / "stencils.csv", COLUMNS, rounded)
    draw_stencils(folder / FIGURES / "stencils.png", lines)
    return [
        Drawing(
            "stencils",
            "Errors of derivatives and of training against inferences per collocation point; trainings of "
            f"{plan.options.max_inferences:,} inferences, median and range of {len(plan.grid['seed'])} seeds",
        )
    ]


def printed(plan: Plan, rows: list[Row], folder: Path) -> Table:
    """Errors of every rule at every noise."""
    keys = ("error_ux", "error_uxx", "error_residual", *(f"{t.problem}_median" for t in TRAININGS))
    header = ("rule", "noise", "nodes", "u_x", "u_xx", "residual", *(t.problem for t in TRAININGS))
    cells = []
    for line in lines_of(plan, rows):
        numbers = ("-" if np.isnan(line[key]) else f"{line[key]:.1e}" for key in keys)
        cells.append([line["rule"], f"{line['noise']:g}", str(line["inferences_per_point"]), *numbers])
    return terminal_table(header, cells)


_MARKERS = ("o", "s", "^")


def draw_stencils(path: Path, rows: list[dict[str, Any]]) -> None:
    """Errors of u_x, u_xx, residual and training against inferences a point, a colour a noise level.

    Args:
        path: of the png.
        rows: with the columns of stencils.csv.
    """
    from matplotlib.lines import Line2D

    from photonzero.experiments.drawing.style import BLUE, GREEN, ORANGE, PALETTE, figure

    noises = list(dict.fromkeys(row["noise"] for row in rows))
    errors = {"error_ux": "$u_x$", "error_uxx": "$u_{xx}$", "error_residual": "the residual"}
    panels = [("inferences_per_point", key, f"error of {label}") for key, label in errors.items()]
    panels += [
        (f"{t.problem}_nodes", f"{t.problem}_median", f"relative l2 error, {t.problem} trained")
        for t in TRAININGS
    ]
    with figure(path, 10.0, 6.0) as drawn:
        grid = list(drawn.subplots(2, 3).flat)
        for axes, (nodes, key, label) in zip(grid, panels, strict=False):
            for noise_std, color, marker in zip(
                noises, (BLUE, GREEN, ORANGE, *PALETTE), cycle(_MARKERS), strict=False
            ):
                own = [row for row in rows if row["noise"] == noise_std]
                name = f"{noise_std * 100:g} % detector noise" if noise_std else "no detector noise"
                places, shown = _apart([row[nodes] for row in own]), np.array([row[key] for row in own])
                if key.endswith("_median"):
                    ends = [[row[key.replace("median", end)] for row in own] for end in ("min", "max")]
                    axes.vlines(places, *ends, color=color, linewidth=0.8)
                if (shown < _FLOOR).any():
                    axes.axhline(_FLOOR, color="0.5", linestyle=":", linewidth=0.8, zorder=0)
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
            for k, c in enumerate(
                (_CHOICES[rule] for rule in dict.fromkeys(row["rule"] for row in rows)), start=1
            )
        ]
        floor = Line2D([], [], linestyle=":", color="0.5", label=f"errors below {_FLOOR:g} are drawn there")
        grid[-1].axis("off")
        grid[-1].legend(handles=[*grid[0].get_legend_handles_labels()[0], floor, *keys], loc="center")


def _apart(nodes: list[float]) -> Array:
    """Places of rules on the axis, those of equally many nodes beside each other."""
    return np.array([n * 1.1 ** nodes[:k].count(n) for k, n in enumerate(nodes)])


def _name_above(axes: Any, places: Array) -> None:
    """Numbers of the rules above their places, higher where another rule is near."""
    for number, place in enumerate(places, start=1):
        if not np.isfinite(place):
            continue
        near = [other for other in places[: number - 1] if abs(np.log(other / place)) < 0.35]
        # A row higher for each neighbour that is named already.
        how = {"ha": "center", "va": "bottom", "fontsize": 8, "transform": axes.get_xaxis_transform()}
        axes.text(place, 1.0 + 0.07 * len(near), str(number), **how)


_FLOOR = 1e-6
"""Errors below this are drawn here."""


STUDY = Study(
    "tables-stencils",
    "Every derivative rule: errors of u_x, u_xx, residual and of training, at three noises.",
    (
        Axis("rule", "rule", "text", choices=tuple(_CHOICES)),
        Axis("noise", "detector noise [of full scale]"),
        Axis("problem", "problem", "text", choices=tuple(_TRAININGS)),
        SEED,
    ),
    {
        "rule": list(_CHOICES),
        "noise": list(NOISE_LEVELS),
        "problem": list(_TRAININGS),
        "seed": [0, 1, 2],
    },
    (
        Measured("error", "relative l2 error"),
        Measured("nodes", "inferences per collocation point", "int"),
        Measured("steps", "steps", "int"),
    ),
    measure,
    draw,
    quick={"rule": ["central"], "seed": [0], "max_inferences": 50_000},
    options=Options,
    repeated=False,
    key=_key,
    printed=printed,
)

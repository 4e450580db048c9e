"""Which stencil to take: errors of derivatives and of training against inferences per collocation point."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
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
    "trained_median", "trained_min", "trained_max", "n_seeds", "training_inferences",
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


def trained_error(choice: Choice, noise_std: float, seed: int, n_steps: int) -> tuple[float, int]:
    """Relative l2 error of HJB-20 after some steps, published noise and detector noise; and inferences spent.

    The spacing is the best one for the noise, without detector noise the preset's 0.1.
    """
    noise = replace(preset("published"), readout_noise=ReadoutNoise(std_of_full_scale=noise_std))
    chip = fabricate(get_design("tonn-hjb20"), noise, seed)
    points, controls, directions = np.random.SeedSequence(seed).spawn(3)
    rule = choice.make(noise_std, "auto" if noise_std else 0.1)
    objective = PinnObjective(get_problem("hjb20"), rule, _BATCH, int(points.generate_state(1)[0]))
    start = start_on(chip, chip.initial_controls(np.random.default_rng(controls)))
    options = GaussNewtonOptions(n_directions=2, n_remembered=1, n_dampings=1)
    optimizer = SubspaceGaussNewton(start, options, np.random.default_rng(directions))
    run = TrainingRun(chip, objective, optimizer, Limits(10**9, n_steps))
    run.train()
    return run.test_error(), run.inferences


def tabulate_stencils(out: Path, n_seeds: int, n_steps: int, quiet: bool) -> None:
    """stencils.csv and stencils.png in `out`, and a table on stdout.

    Args:
        out: folder, made if missing.
        n_seeds: seeds 0 to n - 1 of the training; one for rules of more than 500 nodes.
        n_steps: of the training.
        quiet: print nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for choice in CHOICES:
        for noise_std in NOISE_LEVELS:
            row: dict[str, Any] = {"rule": choice.label, "noise": noise_std}
            row |= derivative_errors(choice, noise_std)
            seeds = range(n_seeds if row["inferences_per_point"] <= 500 else 1)
            trained = [trained_error(choice, noise_std, seed, n_steps) for seed in seeds]
            errors = np.array([error for error, _ in trained])
            row |= {
                "trained_median": float(np.median(errors)),
                "trained_min": float(errors.min()),
                "trained_max": float(errors.max()),
                "n_seeds": len(seeds),
                "training_inferences": trained[0][1],
            }
            rows.append(row)
            text = io.StringIO()
            writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                {k: f"{v:.3e}" if isinstance(v, float) else v for k, v in r.items()} for r in rows
            )
            write_atomically(
                out / "stencils.csv", lambda file, text=text: file.write(text.getvalue().encode())
            )
    draw_stencils(out / "stencils.png", rows)
    if not quiet:
        _print(rows)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("rule", "noise", "inferences", "u_x", "u_xx", "residual", "HJB-20 trained"):
        table.add_column(column)
    for row in rows:
        numbers = (row[key] for key in ("error_ux", "error_uxx", "error_residual", "trained_median"))
        cells = ("-" if np.isnan(number) else f"{number:.1e}" for number in numbers)
        table.add_row(row["rule"], f"{row['noise']:g}", str(row["inferences_per_point"]), *cells)
    Console(highlight=False).print(table)


_COLORS = (BLUE, GREEN, ORANGE)


def draw_stencils(path: Path, rows: list[dict[str, Any]]) -> None:
    """Residual error and trained error against inferences a point, a colour a noise level.

    Args:
        path: of the png.
        rows: with the columns of stencils.csv.
    """
    with figure(path, 8.0, 4.0) as drawn:
        left, right = drawn.subplots(1, 2)
        for axes, key, label in (
            (left, "error_residual", "error of the residual of a u that is not linear"),
            (right, "trained_median", "relative l2 error of HJB-20, trained"),
        ):
            for noise_std, color in zip(NOISE_LEVELS, _COLORS, strict=True):
                own = [row for row in rows if row["noise"] == noise_std]
                nodes = [row["inferences_per_point"] for row in own]
                name = f"{noise_std * 100:g} % detector noise" if noise_std else "no detector noise"
                shown = [max(row[key], _FLOOR) for row in own]
                axes.plot(nodes, shown, "o", color=color, markersize=5, label=name)
            for number, row in enumerate(row for row in rows if row["noise"] == 0.0):
                place = (row["inferences_per_point"], max(row[key], _FLOOR))
                axes.annotate(str(number + 1), place, textcoords="offset points", xytext=(5, 3), fontsize=8)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("inferences per collocation point")
            axes.set_ylabel(label)
        names = [f"{k + 1} {choice.label}" for k, choice in enumerate(CHOICES)]
        right.legend(fontsize=7, loc="best")
        left.text(0.02, 0.5, "\n".join(names), transform=left.transAxes, va="center", fontsize=7)


_FLOOR = 1e-10
"""Errors below this are drawn here."""

_BATCH = 550
"""Points of a batch: Gauss-Newton fits 513 numbers of the readout to a batch."""

"""Forward-only Gauss-Newton: exact in the digital readout, in a random subspace for the rest.

The oracle answers with R residuals a candidate, not with one loss. Measured at a base x and at K
perturbed settings x + v_k they give the Jacobian in the subspace of the v_k, column by column,
``r(x + v_k) - r(x)``: R x K numbers for K measurements. Where the chip shows what its last detectors
read, the columns of the digital readout behind them are known exactly and cost no measurement.

Both sets of columns are scaled to the same mean square, A (readout, each control in units of its
scale) and S (subspace, unit columns), and the damped step solves, in the space of the R residuals,

    (A A^T + S S^T + mu I) y = r,   readout step -A^T y,   subspace step -S^T y,

for several dampings mu. All of them are measured, on fresh points so that a step cannot fit its own
batch, and the best is kept; the base is among them, so the loss on a batch never rises. The winner's
residuals on those points are the base of the next step: a step costs K + M + 1 evaluations.

This is derivative-free least squares in a subspace, as in DFBGN [cartis2023], with a damping
search in place of a trust region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.errors import ArgumentError
from training.objective import Evaluation
from training.optimizers.base import Candidates, Start
from training.optimizers.scaling import control_scales, perturbation_sizes
from training.oracle import Array
from training.random_state import generator_from_array, generator_to_array


@dataclass(frozen=True)
class GaussNewtonOptions:
    """Settings of `SubspaceGaussNewton`.

    Attributes:
        n_directions: K, perturbations a step.
        perturb_phase_rad: size of a phase perturbation [rad]; raised to one step of the DAC's grid.
        perturb_digital: size of a digital perturbation, in units of its group's scale.
        n_dampings: M, dampings tried a step.
        damping_ratio: ratio of neighbouring dampings.
        initial_damping: mu in the middle of the first step's dampings.
        exact_readout: use the readout's exact columns where the chip shows its features.
    """

    n_directions: int = 10
    perturb_phase_rad: float = 0.02
    perturb_digital: float = 0.02
    n_dampings: int = 5
    damping_ratio: float = 8.0
    initial_damping: float = 0.1
    exact_readout: bool = True

    def __post_init__(self) -> None:
        for name, low in (("n_directions", 1), ("n_dampings", 1)):
            if getattr(self, name) < low:
                raise ArgumentError(f"{name}: {getattr(self, name)}; allowed: >= {low}")
        for name in ("perturb_phase_rad", "perturb_digital", "initial_damping"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ArgumentError(f"{name}: {getattr(self, name)}; allowed: > 0")
        if not self.damping_ratio > 1:
            raise ArgumentError(f"damping_ratio: {self.damping_ratio}; allowed: > 1")


class SubspaceGaussNewton:
    """Forward-only Gauss-Newton on residual vectors; see the module's text.

    Args:
        start: where, and what can be set.
        options: see `GaussNewtonOptions`.
        rng: draws the directions.
    """

    needs: Literal["loss", "residuals"] = "residuals"

    def __init__(self, start: Start, options: GaussNewtonOptions, rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._x = np.array(start.controls, dtype=np.float64)
        self._options = options
        self._rng = rng
        self._size = perturbation_sizes(
            start.groups, self._x.size, options.perturb_phase_rad, options.perturb_digital
        )
        self._readout: Array = np.zeros(0, dtype=np.int64)
        if start.readout is not None and options.exact_readout:
            self._readout = start.readout
        self._readout_scale = control_scales(start.groups, self._x.size)[self._readout]
        # What is known exactly need not be probed.
        self._size[self._readout] = 0.0
        self._damping = options.initial_damping
        self._loss = np.inf
        self._base_residual = np.zeros(0)
        self._base_columns = np.zeros((0, 0))
        self._directions = np.zeros((0, 0))
        self._trials = np.zeros((0, 0))
        self._stuck = 0

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Loss of that setting on the points of the last step."""
        return self._loss

    def ask(self) -> Candidates:
        """The base, the perturbed settings, or the steps to try."""
        exact = self._readout.size > 0
        if not self._base_residual.size:
            return Candidates(self._x[None], True, "base", exact)
        if self._trials.size:
            return Candidates(np.vstack([self._x, self._x + self._trials]), True, "trial", exact)
        signs = self._rng.integers(0, 2, (self._options.n_directions, self._x.size))
        self._directions = (2.0 * signs - 1.0) * self._size
        return Candidates(self._x + self._directions, False, "probe")

    def tell(self, evaluation: Evaluation) -> None:
        """Residuals of the settings asked for."""
        if not self._base_residual.size:
            self._stand_at(evaluation, 0)
        elif self._trials.size:
            best = int(np.argmin(evaluation.losses))
            if best == 0:
                # Even the most careful step made it worse: be more careful.
                self._damping *= self._options.damping_ratio**2
                self._stuck += 1
            else:
                self._x = self._x + self._trials[best - 1]
                self._damping = float(self._dampings()[best - 1])
                self._stuck = 0
            self._damping = float(np.clip(self._damping, 1e-9, 1e6))
            self._trials = np.zeros((0, 0))
            self._stand_at(evaluation, best)
            self.n_steps += 1
        else:
            self._trials = self._steps(evaluation.residuals - self._base_residual)

    def stop(self) -> dict[str, str]:
        """Stops when twenty steps in a row found nothing better."""
        if self._stuck >= 20:
            return {"stalled": "no trial was better than the base in 20 steps"}
        return {}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "damping": np.array(self._damping),
            "loss": np.array(self._loss),
            "base_residual": self._base_residual.copy(),
            "base_columns": self._base_columns.copy(),
            "n_steps": np.array(self.n_steps),
            "stuck": np.array(self._stuck),
            "rng": generator_to_array(self._rng),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x = np.array(state["x"])
        self._damping = float(state["damping"])
        self._loss = float(state["loss"])
        self._base_residual = np.array(state["base_residual"])
        self._base_columns = np.array(state["base_columns"])
        self.n_steps = int(state["n_steps"])
        self._stuck = int(state["stuck"])
        self._rng = generator_from_array(state["rng"])

    def _stand_at(self, evaluation: Evaluation, index: int) -> None:
        self._loss = float(evaluation.losses[index])
        self._base_residual = evaluation.residuals[index].copy()
        if not self._readout.size:
            self._base_columns = np.zeros((self._base_residual.size, 0))
            return
        if evaluation.readout_columns is None:
            raise ArgumentError(
                "evaluation: no readout columns; allowed: columns, as the optimizer was given a readout"
            )
        self._base_columns = evaluation.readout_columns(index)

    def _dampings(self) -> Array:
        m = self._options.n_dampings
        return self._damping * self._options.damping_ratio ** (np.arange(m) - m // 2)

    def _steps(self, differences: Array) -> Array:
        """Steps (M, n_controls) from the differences (K, R) that the directions made."""
        n_residuals = self._base_residual.size
        norms = np.linalg.norm(differences, axis=1)
        # A direction without any effect, such as one into a dead shifter, gets no step.
        unit = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        subspace, subspace_trace = _unit_trace(differences.T * unit)
        readout, readout_trace = _unit_trace(self._base_columns * self._readout_scale)
        kernel = subspace @ subspace.T + readout @ readout.T
        steps = []
        for mu in self._dampings():
            y = np.linalg.solve(kernel + mu * np.eye(n_residuals), self._base_residual)
            step = -((subspace.T @ y) * unit / subspace_trace) @ self._directions
            step[self._readout] -= (readout.T @ y) * self._readout_scale / readout_trace
            steps.append(step)
        return np.stack(steps)


def _unit_trace(columns: Array) -> tuple[Array, float]:
    """Columns scaled so that A A^T has a mean diagonal of 1, and what they were divided by."""
    norm = float(np.sqrt((columns**2).sum() / max(columns.shape[0], 1)))
    divisor = norm if norm > 0 else 1.0
    return columns / divisor, divisor

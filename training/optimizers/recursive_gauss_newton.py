"""Recursive Gauss-Newton: every direction is measured on few samples, and what was learned of them is kept.

`photonzero.training.optimizers.gauss_newton` sees K random directions of n on many samples and forgets them
after the step. Here a step measures all n controls, one after the other, on a small batch: the whole Jacobian
of its outputs for n inferences a sample. A step from so few samples alone would fit nothing else; but least
squares can be continued from batch to batch. The covariance P of the controls, n x n, holds what all batches
so far have said. With J the Jacobian and r the residuals of a batch, in units of their deviation,

    G = P J^T (J P J^T + 1)^-1,    x <- x - f G r,    P <- (P - G J P) / forgetting:

the extended Kalman filter as a way to train networks [singhal1989], damped by what is known, P^-1. A
`forgetting` below 1 lets old batches, whose Jacobians were measured elsewhere, count less. With a finite
`weight_power` p batch k weighs k^p: the memory grows with training, and averages more as less changes.

What is forgotten are also the limits of what a control may do at all. Where nothing has been measured P then
grows until steps leave the range in which a Jacobian holds, which ends early for phases. With
`restored_controls` m the prior variances v are put back as fast as they are forgotten,

    P^-1 <- forgetting P^-1 + (1 - forgetting) diag(1 / v),

of m controls a step in turn [gunnarsson1996]: rows "x stays" that join those of the batch.

The factor f is measured: the base and steps of several lengths are tried on a fresh and larger batch, the
best is kept. If the base is, twice in a row, P is multiplied with `shrink`. A step costs 1 + n evaluations of
a batch, and 1 + len(step_factors) of a batch `trial_batch_factor` times as large.

On a DAC's grid x is what should be set, and q what is: r and J are measured at q, so that r + J (x - q)
takes the place of r. Rounding x to the nearest codes would throw away what many steps have gained. P tells
what matters, so the codes are chosen one after the other, and what a code misses is made up for by all that
follow, digital controls last: `rounded_in_turn`. The base is rounded anew with the others: a lucky q would
outlive better x.

Controls of a digital readout are not probed where the chip shows its features: their columns are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, solve_triangular

from photonzero.training.checks import at_least, positive, require
from photonzero.training.objective import Evaluation, QuadraticModel
from photonzero.training.optimizers.base import Candidates, Method, Stage, Start, stalled_after
from photonzero.training.optimizers.parts.scaling import control_scales, perturbation_sizes, to_whole_codes
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array
from photonzero.training.readout import missing_readout
from photonzero.training.rounding import grid_steps, rounded_in_turn


@dataclass(frozen=True)
class RecursiveOptions:
    """Settings of `RecursiveGaussNewton`.

    Attributes:
        perturb_phase_rad: size of a phase perturbation [rad]; raised to one step of the DAC's grid.
        perturb_digital: size of a digital perturbation, in units of its group's scale.
        initial_variance: of every digital control before the first batch, in squared units of its group's
            scale: how far from the start a good setting is expected.
        initial_phase_variance_rad2: the same of every phase [rad^2].
        forgetting: weight of a batch against the next one, above 0 and up to 1.
        weight_power: p >= 0 lets the weight rise to ``(k / (k + 1))^p`` once that is above `forgetting`;
            infinity leaves it.
        restored_controls: how many controls a step gives back what it forgets of their initial variance; 0
            lets it be forgotten.
        shrink: factor on the covariance when no step was better than none, for the second time in a row or
            later; 1 where trials are too noisy to tell.
        step_factors: lengths of the steps that are tried.
        trial_batch_factor: size of the batch they are tried on, in units of the usual one.
        exact_readout: use the readout's exact columns where the chip shows its features.
    """

    perturb_phase_rad: float = 0.02
    perturb_digital: float = 0.02
    initial_variance: float = 1.0
    initial_phase_variance_rad2: float = 0.1
    forgetting: float = 0.995
    weight_power: float = math.inf
    restored_controls: int = 0
    shrink: float = 0.5
    step_factors: tuple[float, ...] = (0.25, 0.5, 1.0, 1.5)
    trial_batch_factor: int = 8
    exact_readout: bool = True

    def __post_init__(self) -> None:
        positive(self, "perturb_phase_rad", "perturb_digital")
        positive(self, "initial_variance", "initial_phase_variance_rad2")
        at_least(self, trial_batch_factor=1, weight_power=0, restored_controls=0)
        require(self, "forgetting", 0 < self.forgetting <= 1, "above 0 and up to 1")
        require(self, "shrink", 0 < self.shrink <= 1, "above 0 and up to 1")
        usable = bool(self.step_factors) and all(np.isfinite(f) and f > 0 for f in self.step_factors)
        require(self, "step_factors", usable, "at least one, all > 0")


class RecursiveGaussNewton:
    """Gauss-Newton on all controls, continued from batch to batch; see the module's text.

    Memory: besides the evaluation, n x n numbers of 8 bytes in the settings of the probes, n x n of 4 bytes
    in P and as many in its copy for the checkpoint, and about 3 n x R of 8 bytes for the Jacobian.

    Args:
        start: where, and what can be set.
        options: see `RecursiveOptions`.
        rng: draws the signs of the perturbations.
    """

    needs: Literal["loss", "residuals"] = "residuals"

    def __init__(self, start: Start, options: RecursiveOptions, rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._x = np.array(start.controls, dtype=np.float64)
        self._options, self._rng = options, rng
        n = self._x.size
        self._scale = control_scales(start.groups, n)
        self._grid = grid_steps(start.groups, n) / self._scale
        self._set = to_whole_codes(start.groups, self._x)
        self._size = perturbation_sizes(start.groups, n, options.perturb_phase_rad, options.perturb_digital)
        self._readout: Array = np.zeros(0, dtype=np.int64)
        if start.readout is not None and options.exact_readout:
            self._readout = start.readout
        self._probed = np.setdiff1d(np.arange(n), self._readout)
        self._prior = np.full(n, options.initial_variance)
        for group in start.groups.values():
            if group.kind == "phase":
                self._prior[group.slice] = options.initial_phase_variance_rad2 / group.scale**2
        # Single precision: it is a preconditioner, and the larger part of a checkpoint.
        self._covariance = np.diag(self._prior).astype(np.float32)
        self._loss = np.inf
        self._stage = Stage.BASE
        self._base_outputs = np.zeros(0)
        self._model = QuadraticModel(self._base_outputs)
        self._variance = 1.0
        self._base_columns = np.zeros((0, self._readout.size))
        self._changes = np.zeros(0)
        self._trials = self._trial_settings = np.zeros((0, 0))
        self._stuck = 0

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,), whole codes where there is a grid."""
        return self._set

    @property
    def loss(self) -> float:
        """Loss of that setting on the samples of the last step."""
        return self._loss

    def ask(self) -> Candidates:
        """The base, the perturbed settings, or the steps to try."""
        if self._stage is Stage.TRIAL:
            factor = self._options.trial_batch_factor
            return Candidates(self._trial_settings, True, self._stage.value, batch_factor=factor)
        if self._stage is Stage.BASE:
            return Candidates(self._set[None], True, self._stage.value, self._readout.size > 0)
        # Random signs: on a grid that is not even, half of the steps would otherwise be biased alike.
        signs = 2.0 * self._rng.integers(0, 2, self._probed.size) - 1.0
        self._changes = signs * self._size[self._probed]
        settings = np.repeat(self._set[None], self._probed.size, axis=0)
        settings[np.arange(self._probed.size), self._probed] += self._changes
        return Candidates(settings, False, self._stage.value)

    def tell(self, evaluation: Evaluation) -> None:
        """Outputs of the settings asked for."""
        if self._stage is Stage.BASE:
            self._look(evaluation)
            self._stage = Stage.PROBE
        elif self._stage is Stage.PROBE:
            self._solve(evaluation.residuals - self._base_outputs)
            self._stage = Stage.TRIAL
        else:
            self._choose(evaluation)
            self._stage = Stage.BASE

    def stop(self) -> dict[str, str]:
        """Stops when twenty steps in a row found nothing better."""
        return stalled_after(self._stuck)

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "set": self._set.copy(),
            "covariance": self._covariance.copy(),
            "loss": np.array(self._loss),
            "n_steps": np.array(self.n_steps),
            "stuck": np.array(self._stuck),
            "rng": generator_to_array(self._rng),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x, self._set = np.array(state["x"]), np.array(state["set"])
        self._covariance = np.array(state["covariance"])
        self._loss = float(state["loss"])
        self.n_steps, self._stuck = int(state["n_steps"]), int(state["stuck"])
        self._rng = generator_from_array(state["rng"])
        self._stage = Stage.BASE

    def _look(self, evaluation: Evaluation) -> None:
        """Outputs of the base on the batch that is probed next."""
        self._base_outputs = evaluation.residuals[0]
        self._model = evaluation.loss.quadratic(self._base_outputs)
        residual = self._model.residual
        known = evaluation.loss.residual_variance
        # A residual that is exactly 0 everywhere leaves nothing to do, and any unit will do.
        self._variance = float((residual**2).mean()) or 1.0 if known is None else known
        if self._readout.size:
            if evaluation.readout is None:
                raise missing_readout()
            self._base_columns = np.ascontiguousarray(evaluation.readout.columns(0, self._set[self._readout]))

    def _solve(self, differences: Array) -> None:
        """Steps to try, from differences (n_probed, R); what the batch says goes into the covariance."""
        n, n_outputs = self._x.size, self._base_outputs.size
        jacobian = np.empty((n, n_outputs))
        # All in units of the controls' scales and of the residuals' deviation.
        jacobian[self._probed] = differences * (self._scale[self._probed] / self._changes)[:, None]
        if self._readout.size:
            jacobian[self._readout] = self._base_columns.T * self._scale[self._readout, None]
        deviation = np.sqrt(self._variance)
        grown = ((self.n_steps + 1) / (self.n_steps + 2)) ** self._options.weight_power
        forgetting = max(self._options.forgetting, grown)
        columns = (self._model.transform(jacobian) / deviation).astype(np.float32)
        missed = (self._x - self._set) / self._scale
        residual = self._model.residual / deviation + missed @ columns
        columns = np.hstack([columns, self._restoring(1.0 / forgetting - 1.0)])
        residual = np.append(residual, np.zeros(columns.shape[1] - n_outputs))
        gain = self._covariance @ columns
        inner = (columns.T @ gain).astype(np.float64)
        inner[np.diag_indices(residual.size)] += 1.0
        factor, _ = cho_factor(inner, lower=True)
        whitened = solve_triangular(factor, gain.T.astype(np.float64), lower=True)
        step = -self._scale * (whitened.T @ solve_triangular(factor, residual, lower=True))
        # A product with its own transpose: symmetric to the last bit.
        half = whitened.astype(np.float32)
        self._covariance -= half.T @ half
        self._covariance /= np.float32(forgetting)
        factors = np.array([0.0, *self._options.step_factors])
        self._trials = self._x + factors[:, None] * step
        self._trial_settings = self._trials.copy()
        if (self._grid > 0).any():
            wanted = self._trials / self._scale
            self._trial_settings = self._scale * rounded_in_turn(wanted, self._grid, self._covariance)

    def _restoring(self, forgotten: float) -> Array:
        """Columns (n, m) that tell m controls to stay: the forgotten part of their prior."""
        n = self._x.size
        m = min(self._options.restored_controls, n) if forgotten > 0 else 0
        columns = np.zeros((n, m), dtype=np.float32)
        if m > 0:
            turn = (self.n_steps * m + np.arange(m)) % n
            columns[turn, np.arange(m)] = np.sqrt(forgotten * n / (m * self._prior[turn]))
        return columns

    def _choose(self, evaluation: Evaluation) -> None:
        """Take the best of the steps, or stay."""
        p = int(np.argmin(evaluation.losses))
        self._x, self._set = self._trials[p], self._trial_settings[p]
        # Once may be the luck of rounding or of the batch.
        if p == 0 and self._stuck > 0:
            self._covariance *= np.float32(self._options.shrink)
        self._stuck = self._stuck + 1 if p == 0 else 0
        self._loss = float(evaluation.losses[p])
        self.n_steps += 1


METHOD = Method(
    "Gauss-Newton on all controls, continued from batch to batch", RecursiveOptions, RecursiveGaussNewton
)

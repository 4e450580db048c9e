"""Forward-only Gauss-Newton: exact in the digital readout, in a random subspace for the rest.

The oracle answers with R residuals a candidate, not with one loss. Measured at a base x and at K
perturbed settings x + v_k they give the Jacobian in the subspace of the v_k, column by column,
``r(x + v_k) - r(x)``: R x K numbers for K measurements. Where the chip shows what its last detectors
read, the columns of the digital readout behind them are known exactly and cost no measurement.

A step, with S the subspace's columns and A the readout's, each scaled to a mean square of 1:

1. Probe. K directions on the batch of the base: random signs on all controls or on one group after
   the other, and the last accepted steps, which are good directions more often than random ones.
2. Solve ``min |r + S z + A w|^2 + mu |z|^2 + nu w^T D w`` for M dampings mu of the optical step z.
3. Try. The base and the M optical steps are measured on fresh points, so that a step cannot fit its own
   batch. Each is judged with several readouts, solved again for that optical step with several
   dampings nu: the readout is digital, so this costs no inference. The best pair is kept; the base with
   its own readout is among them, so the loss on a batch never rises. The winner's residuals on those points
   are the base of the next step: a step costs K + M + 1 evaluations.

The first measurement is made twice. If the two differ, the chip has noise: each step then measures its
base twice (one evaluation more), and `photonzero.training.optimizers.parts.noise_floor` matches perturbations
and batches to it.

A loss that is not a mean square, such as cross-entropy, comes with its quadratic model
(`photonzero.training.objective.OutputLoss`): the curvature of the loss is known, only the outputs' Jacobian
is measured, and the same step is a generalised Gauss-Newton step.

This is derivative-free least squares in a subspace, as in DFBGN [cartis2023], with a damping
search in place of a trust region and variable projection in the readout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from photonzero.training.checks import at_least, one_of, positive, require
from photonzero.training.objective import Evaluation, QuadraticModel
from photonzero.training.optimizers.base import Candidates, Method, Stage, Start, stalled_after
from photonzero.training.optimizers.parts.noise_floor import NoiseFloor
from photonzero.training.optimizers.parts.scaling import (
    control_scales,
    perturbation_sizes,
    to_random_codes,
    to_whole_codes,
)
from photonzero.training.oracle import Array, ControlGroupView
from photonzero.training.random_state import generator_from_array, generator_to_array
from photonzero.training.readout import Readout, ReadoutSolver, missing_readout
from photonzero.training.rounding import (
    Rounding,
    effects_on_model,
    grid_steps,
    to_sequential_codes,
)

_DAMPINGS = (1e-10, 1e2)
"""Of optical steps, whose subspace has columns of length 1: less is lost in the rounding of normal equations,
more leaves a hundredth of a step."""
_READOUT_DAMPINGS = (1e-12, 1e6)
"""Of readouts, in units of a mean square of 1: a readout that fits the noise is held where it is."""


@dataclass(frozen=True)
class GaussNewtonOptions:
    """Settings of `SubspaceGaussNewton`.

    Attributes:
        n_directions: K, perturbations a step.
        n_remembered: at most so many of them are the last accepted steps.
        directions: "all" perturbs every control at once; "groups" one group of controls a direction,
            in turn, with the length of a perturbation of all.
        rounding: of optical steps to the DAC's grid. "nearest" moves real numbers, which the chip rounds;
            "stochastic" and "sequential" move by whole codes, see `training.rounding`.
        perturb_phase_rad: size of a phase perturbation [rad]; raised to one step of the DAC's grid.
        perturb_digital: size of a digital perturbation, in units of its group's scale.
        n_dampings: M, optical steps tried a step.
        damping_ratio: ratio of neighbouring dampings.
        initial_damping: mu in the middle of the first step's dampings.
        n_readout_dampings: dampings of the readout tried with each of them, at no inference.
        readout_memory: weight of earlier batches' information on the readout, from 0 to 1.
        largest_batch_factor: batches grow up to so many times their size once noise is most of the loss.
        exact_readout: use the readout's exact columns where the chip shows its features.
    """

    n_directions: int = 10
    n_remembered: int = 2
    directions: Literal["all", "groups"] = "all"
    rounding: Rounding = "nearest"
    perturb_phase_rad: float = 0.02
    perturb_digital: float = 0.02
    n_dampings: int = 5
    damping_ratio: float = 8.0
    initial_damping: float = 1e-3
    n_readout_dampings: int = 5
    readout_memory: float = 0.5
    largest_batch_factor: int = 4
    exact_readout: bool = True

    def __post_init__(self) -> None:
        at_least(self, n_directions=1, n_remembered=0, n_dampings=1, n_readout_dampings=1)
        at_least(self, largest_batch_factor=1)
        require(self, "n_remembered", self.n_remembered < self.n_directions, f"below {self.n_directions}")
        one_of(self, directions=("all", "groups"), rounding=get_args(Rounding))
        positive(self, "perturb_phase_rad", "perturb_digital", "initial_damping")
        require(self, "damping_ratio", self.damping_ratio > 1, "> 1")
        require(self, "readout_memory", 0 <= self.readout_memory <= 1, "from 0 to 1")


@dataclass(frozen=True)
class _Answer:
    """What a candidate is worth: loss expected on other points, outputs (R,), its new readout if any."""

    loss: float
    outputs: Array
    readout: Array | None
    damping: float


class SubspaceGaussNewton:
    """Forward-only Gauss-Newton on residual vectors; see the module's text.

    Memory: besides the evaluation, R x (K + n_readout) and n_readout^2 numbers.

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
        n_readout = self._readout.size
        self._readout_scale = control_scales(start.groups, self._x.size)[self._readout]
        # What is known exactly need not be probed.
        self._size[self._readout] = 0.0
        self._start_groups = start.groups
        self._grid = grid_steps(start.groups, self._x.size)
        self._probed_groups = _probed_groups(start.groups, self._size)
        self._damping = options.initial_damping
        self._readout_damping = options.initial_damping
        self._loss = np.inf
        self._stage = Stage.BASE
        self._base_outputs = np.zeros(0)
        self._model = QuadraticModel(self._base_outputs)
        self._base_columns = np.zeros((0, n_readout))
        self._memory = np.zeros((n_readout, n_readout))
        self._remembered = np.zeros((0, self._x.size))
        self._directions = np.zeros((0, 0))
        self._trials = np.zeros((0, 0))
        self._trial_readouts = np.zeros((0, 0, n_readout))
        self._stuck = 0
        self._noise = NoiseFloor()

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
        factor = self._noise.batch_factor
        if self._stage is Stage.BASE:
            return Candidates(np.stack([self._x, self._x]), True, self._stage.value, exact, factor)
        if self._stage is Stage.TRIAL:
            again = np.zeros((int(self._noise.is_noisy), self._x.size))
            settings = self._x + np.vstack([self._trials, again])
            return Candidates(settings, True, self._stage.value, exact, factor)
        self._directions = self._draw_directions()
        return Candidates(self._x + self._directions, False, self._stage.value)

    def tell(self, evaluation: Evaluation) -> None:
        """Residuals of the settings asked for."""
        if self._stage is Stage.BASE:
            self._noise.observe(evaluation.residuals[0], evaluation.residuals[1])
            self._stand_at(evaluation, 0, evaluation.residuals[0], float(evaluation.losses[0]))
            self._stage = Stage.PROBE
        elif self._stage is Stage.PROBE:
            self._solve(evaluation.residuals - self._base_outputs)
            self._stage = Stage.TRIAL
        else:
            # The winner's outputs are the base of the next step.
            self._choose(evaluation)
            self._stage = Stage.PROBE

    def stop(self) -> dict[str, str]:
        """Stops when twenty steps in a row found nothing better."""
        return stalled_after(self._stuck)

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "damping": np.array([self._damping, self._readout_damping]),
            "loss": np.array(self._loss),
            "base_outputs": self._base_outputs.copy(),
            "base_residual": self._model.residual.copy(),
            "base_blocks": np.zeros(0) if self._model.blocks is None else self._model.blocks.copy(),
            "base_columns": self._base_columns.copy(),
            "memory": self._memory.copy(),
            "remembered": self._remembered.copy(),
            "n_steps": np.array(self.n_steps),
            "stuck": np.array(self._stuck),
            "rng": generator_to_array(self._rng),
            **self._noise.state(),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x = np.array(state["x"])
        self._damping, self._readout_damping = (float(value) for value in state["damping"])
        self._loss = float(state["loss"])
        self._base_outputs = np.array(state["base_outputs"])
        # Between steps it has measured its base, unless no step was taken yet.
        self._stage = Stage.PROBE if self._base_outputs.size else Stage.BASE
        blocks = np.array(state["base_blocks"])
        self._model = QuadraticModel(np.array(state["base_residual"]), blocks if blocks.size else None)
        self._base_columns = np.array(state["base_columns"])
        self._memory = np.array(state["memory"])
        self._remembered = np.array(state["remembered"])
        self.n_steps = int(state["n_steps"])
        self._stuck = int(state["stuck"])
        self._rng = generator_from_array(state["rng"])
        self._noise.restore(state)

    def _draw_directions(self) -> Array:
        """K directions (K, n_controls) of the length of a perturbation of all controls."""
        n_random = self._options.n_directions - len(self._remembered)
        signs = 2.0 * self._rng.integers(0, 2, (n_random, self._x.size)) - 1.0
        directions = signs * self._size
        if self._noise.stretch > 1:
            directions = to_whole_codes(self._start_groups, directions * self._noise.stretch)
        if self._options.directions == "groups":
            for k, direction in enumerate(directions):
                group = self._probed_groups[(self.n_steps * n_random + k) % len(self._probed_groups)]
                others = np.ones(self._x.size, dtype=bool)
                others[group] = False
                direction[others] = 0.0
        return np.vstack([directions, self._remembered])

    def _stand_at(self, evaluation: Evaluation, index: int, outputs: Array, loss: float) -> None:
        """Make candidate `index`, with these outputs (R,), the base of the next step."""
        self._loss = loss
        self._base_outputs = outputs.copy()
        self._model = evaluation.loss.quadratic(self._base_outputs)
        if self._readout.size:
            if evaluation.readout is None:
                raise missing_readout()
            columns = evaluation.readout.columns(index, self._x[self._readout])
            # A product's rounding depends on the order in memory, which a checkpoint does not keep.
            self._base_columns = np.ascontiguousarray(self._model.transform(columns.T).T)

    def _dampings(self, center: float, n: int) -> Array:
        return center * self._options.damping_ratio ** (np.arange(n) - n // 2)

    def _solve(self, differences: Array) -> None:
        """Optical steps to try, and the readout to go with each, from differences (K, R)."""
        o = self._options
        self._noise.match_perturbations(differences[: len(differences) - len(self._remembered)])
        residual = self._model.residual
        columns = self._model.transform(differences)
        norms = np.linalg.norm(columns, axis=1)
        # A direction without any effect, such as one into a dead shifter, gets no step.
        unit = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        subspace = columns.T * unit
        solver, factors = None, []
        middle = o.n_readout_dampings // 2
        reduced, fitted = subspace, residual
        if self._readout.size:
            solver = self._solver(self._base_columns)
            dampings = self._dampings(self._readout_damping, o.n_readout_dampings)
            factors = [solver.factor(nu) for nu in dampings]
            reduced = solver.reduce(factors[middle], subspace)
            fitted = solver.fitted(factors[middle], residual)
            self._memory = o.readout_memory * (self._memory + solver.information)
        gram, right = subspace.T @ reduced, subspace.T @ fitted
        steps, left = [np.zeros(self._x.size)], [residual]
        for mu in self._dampings(self._damping, o.n_dampings):
            z = -np.linalg.solve(gram + mu * np.eye(len(gram)), right)
            steps.append((z * unit) @ self._directions)
            left.append(residual + subspace @ z)
        self._trials = np.stack(steps)
        self._trials[1:] = self._in_codes(self._trials[1:], norms, gram)
        if solver is not None:
            answers = np.array([[solver.step(factor, r) for factor in factors] for r in left])
            # The base is measured as it stands; an optical step with the readout that should go with it.
            self._trials[1:, self._readout] = answers[1:, middle]
            self._trial_readouts = self._x[self._readout] + answers

    def _in_codes(self, steps: Array, norms: Array, gram: Array) -> Array:
        """Optical steps (M, n_controls) that end on the DAC's grid, or as they are."""
        settings = self._x + steps
        if self._options.rounding == "stochastic":
            return to_random_codes(self._start_groups, settings, self._rng) - self._x
        if self._options.rounding == "sequential":
            effects = effects_on_model(self._directions, norms, gram)
            return to_sequential_codes(self._grid, settings, effects) - self._x
        return steps

    def _choose(self, evaluation: Evaluation) -> None:
        """Take the best of the optical steps, with the readout that suits it best."""
        if self._noise.is_noisy:
            self._noise.observe(evaluation.residuals[0], evaluation.residuals[len(self._trials)])
        answers = [self._judge(evaluation, p) for p in range(len(self._trials))]
        losses = [answer.loss for answer in answers]
        p = int(np.argmin(losses))
        # The best optical step sets the next dampings, even where the base is better still: with more
        # damping a bad step becomes none at all, and nothing would lead back from there.
        best_step = int(np.argmin(losses[1:]))
        self._damping = float(self._dampings(self._damping, self._options.n_dampings)[best_step])
        if p == 0 and best_step == self._options.n_dampings - 1:
            self._damping *= self._options.damping_ratio
        chosen = answers[p]
        unchanged = p == 0 and chosen.readout is None
        self._x = self._x + self._trials[p]
        if chosen.readout is not None:
            self._x[self._readout] = chosen.readout
            self._readout_damping = chosen.damping
        elif p == 0:
            # No readout was better than the one it has: be more careful.
            self._readout_damping *= self._options.damping_ratio**2
        if p > 0:
            self._remember(self._trials[p])
        self._stuck = self._stuck + 1 if unchanged else 0
        self._damping = float(np.clip(self._damping, *_DAMPINGS))
        self._readout_damping = float(np.clip(self._readout_damping, *_READOUT_DAMPINGS))
        self._stand_at(evaluation, p, chosen.outputs, chosen.loss)
        self._noise.match_batch(chosen.loss, self._options.largest_batch_factor)
        self.n_steps += 1

    def _judge(self, evaluation: Evaluation, p: int) -> _Answer:
        """Candidate p with the readout that suits it best."""
        loss, outputs = float(evaluation.losses[p]), evaluation.residuals[p]
        if not self._readout.size:
            return _Answer(loss, outputs, None, 0.0)
        if evaluation.readout is None:
            raise missing_readout()
        dampings = self._dampings(self._readout_damping, self._options.n_readout_dampings)
        if evaluation.loss.is_quadratic:
            return self._fit_again(evaluation, evaluation.readout, p, dampings)
        # Far from its minimum the curvature of another loss says little of other points than its own:
        # only readouts that were solved on the last batch are judged fairly on this one.
        readouts = self._trial_readouts[p]
        fitted = evaluation.readout.residuals(p, readouts)
        losses = evaluation.loss.losses(fitted)
        q = int(np.argmin(losses))
        if losses[q] >= loss:
            return _Answer(loss, outputs, None, 0.0)
        return _Answer(float(losses[q]), fitted[q], readouts[q], float(dampings[q]))

    def _fit_again(self, evaluation: Evaluation, known: Readout, p: int, dampings: Array) -> _Answer:
        """Candidate p with the best of the readouts fitted to this batch, or with its own."""
        start = (self._x + self._trials[p])[self._readout]
        model = evaluation.loss.quadratic(evaluation.residuals[p])
        solver = self._solver(model.transform(known.columns(p, start).T).T)
        factors = [solver.factor(nu) for nu in dampings]
        readouts = np.stack([start + solver.step(factor, model.residual) for factor in factors])
        outputs = known.residuals(p, readouts)
        losses = evaluation.loss.losses(outputs)
        losses += [solver.optimism(factor, model.residual) for factor in factors]
        own = float(evaluation.losses[p])
        q = int(np.argmin(losses))
        if losses[q] >= own:
            return _Answer(own, evaluation.residuals[p], None, 0.0)
        return _Answer(float(losses[q]), outputs[q], readouts[q], float(dampings[q]))

    def _solver(self, columns: Array) -> ReadoutSolver:
        return ReadoutSolver(columns, self._readout_scale, self._memory)

    def _remember(self, step: Array) -> None:
        """Keep an accepted step as a direction, as long as a perturbation of all controls."""
        probed = self._size > 0
        in_sizes = step[probed] / self._size[probed]
        length = float(np.linalg.norm(in_sizes))
        if self._options.n_remembered == 0 or length == 0:
            return
        direction = np.zeros(self._x.size)
        direction[probed] = self._size[probed] * in_sizes * np.sqrt(in_sizes.size) / length
        direction = to_whole_codes(self._start_groups, direction)
        if direction.any():
            kept = np.vstack([direction, self._remembered])
            self._remembered = kept[: self._options.n_remembered]


def _probed_groups(groups: Mapping[str, ControlGroupView], size: Array) -> list[slice]:
    """Groups with at least one control to probe."""
    return [group.slice for group in groups.values() if (size[group.slice] > 0).any()]


METHOD = Method("forward-only Gauss-Newton in a random subspace", GaussNewtonOptions, SubspaceGaussNewton)

"""Gradient descent on estimated gradients: an estimator, an update rule and a schedule, put together.

The published methods are such combinations; the classes of options at the end of this file name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from photonzero.training.checks import at_least, one_of, positive, require
from photonzero.training.errors import CheckpointError
from photonzero.training.estimators import (
    DISTRIBUTIONS,
    CoordinateWise,
    Distribution,
    GradientEstimator,
    GroupDirections,
    Hybrid,
    ImportantGroups,
    RandomDirections,
)
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.optimizers.parts.scaling import (
    control_scales,
    perturbation_sizes,
    to_random_codes,
    to_whole_codes,
)
from photonzero.training.optimizers.parts.updates import (
    SCHEDULES,
    UPDATES,
    ScheduleName,
    UpdateName,
    make_update,
    perturbation_factor,
    step_factor,
)
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array

EstimatorName = Literal["random", "coordinate", "hybrid", "groups", "importance"]
ESTIMATORS: tuple[EstimatorName, ...] = ("random", "coordinate", "hybrid", "groups", "importance")


@dataclass(frozen=True)
class GradientOptions:
    """Settings of `ForwardGradient`; the defaults are the published way, random directions and Adam.

    Attributes:
        estimator: "random" directions of all controls; "coordinate" after coordinate; "hybrid", random until
            progress stalls, then coordinate-wise; "groups", random directions of every group;
            "importance", of groups drawn by the length of their gradient.
        n_directions: K: directions a step, coordinates a step, or directions of every group.
        distribution: of random directions.
        n_coordinates: of a step of "coordinate", and of "hybrid" after its stall; None takes n_directions. As
            many as there are controls give whole gradients.
        antithetic: pairs, 2 K losses; else one-sided, K + 1 losses.
        update: "sgd", "momentum", "sign", "adam" or "amsgrad".
        learning_rate: in rad for phases, in units of the group's scale for digital controls; for
            "sgd" and "momentum" times the gradient in these units.
        schedule: of the learning rate, see `step_factor`.
        schedule_steps: number of steps that the schedule counts in, see `step_factor`.
        schedule_factor: factor that the schedule ends at or multiplies with, see `step_factor`.
        perturb_phase_rad: size of a phase perturbation [rad]; raised to one step of the DAC's grid.
        perturb_digital: size of a digital perturbation, in units of its group's scale.
        beta1: decay of the mean of the gradient.
        beta2: decay of the mean of its square.
        patience: steps without progress after which "hybrid" turns to coordinates.
        tolerance: relative gain that counts as progress.
        fresh_update: when "hybrid" turns to coordinates, update rule and schedule start anew: the squares of
            random directions, n / K times those of the gradient, keep Adam's steps too short for long, and
            a stall that comes late would leave the end of the schedule only.
        whole_codes: keep controls with a grid on it, as an integer processor must: a step is rounded up or
            down at random, so that steps below one code are taken on the average.
    """

    estimator: EstimatorName = "random"
    n_directions: int = 28
    n_coordinates: int | None = None
    distribution: Distribution = "rademacher"
    antithetic: bool = True
    update: UpdateName = "adam"
    learning_rate: float = 0.01
    schedule: ScheduleName = "constant"
    schedule_steps: int = 1000
    schedule_factor: float = 0.1
    perturb_phase_rad: float = 0.02
    perturb_digital: float = 0.02
    beta1: float = 0.9
    beta2: float = 0.999
    patience: int = 50
    tolerance: float = 0.01
    fresh_update: bool = False
    whole_codes: bool = False

    def __post_init__(self) -> None:
        one_of(self, estimator=ESTIMATORS, distribution=DISTRIBUTIONS, update=UPDATES, schedule=SCHEDULES)
        at_least(self, n_directions=1, n_coordinates=1, schedule_steps=1, patience=1)
        positive(self, "learning_rate", "schedule_factor", "perturb_phase_rad", "perturb_digital")
        for name in ("beta1", "beta2", "tolerance"):
            require(self, name, 0 <= getattr(self, name) < 1, "from 0 to below 1")


@dataclass(frozen=True)
class RgeSgdOptions(GradientOptions):
    """Random directions and plain gradient descent."""

    update: UpdateName = "sgd"


@dataclass(frozen=True)
class SignSgdOptions(GradientOptions):
    """ZO-signSGD [liu2019sign]: random directions, one-sided, only the signs of the estimate."""

    update: UpdateName = "sign"
    antithetic: bool = False
    distribution: Distribution = "gaussian"
    learning_rate: float = 0.003


@dataclass(frozen=True)
class ZoAdaMMOptions(GradientOptions):
    """ZO-AdaMM [chen2019]: random directions on the sphere, one-sided, AMSGrad."""

    update: UpdateName = "amsgrad"
    antithetic: bool = False
    distribution: Distribution = "sphere"


@dataclass(frozen=True)
class CoordinateOptions(GradientOptions):
    """Coordinate-wise central differences, a block of coordinates a step."""

    estimator: EstimatorName = "coordinate"
    update: UpdateName = "sign"
    learning_rate: float = 0.02


@dataclass(frozen=True)
class HybridOptions(GradientOptions):
    """The source paper's hybrid [zhao2023tonn]: random directions, coordinate-wise after a stall."""

    estimator: EstimatorName = "hybrid"


@dataclass(frozen=True)
class GroupwiseOptions(GradientOptions):
    """Random directions of every group of controls, core by core."""

    estimator: EstimatorName = "groups"
    n_directions: int = 2


@dataclass(frozen=True)
class FlopsOptions(GradientOptions):
    """FLOPS [gu2020flops]: Gaussian directions, one-sided differences, gradient descent that decays."""

    update: UpdateName = "sgd"
    antithetic: bool = False
    distribution: Distribution = "gaussian"
    schedule: ScheduleName = "step"
    schedule_steps: int = 200
    schedule_factor: float = 0.7


@dataclass(frozen=True)
class SpsaOptions(GradientOptions):
    """SPSA [spall1992]: one antithetic Rademacher pair a step, Spall's gains."""

    n_directions: int = 1
    update: UpdateName = "sgd"
    schedule: ScheduleName = "spall"
    schedule_steps: int = 100


class ForwardGradient:
    """An estimator, an update rule and a schedule; see the module's text.

    Memory: the Q x n_controls settings of a step.

    Args:
        start: where, and what can be set.
        options: see `GradientOptions`.
        rng: draws the directions.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, options: GradientOptions, rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._x = np.array(start.controls, dtype=np.float64)
        if options.whole_codes:
            self._x = to_whole_codes(start.groups, self._x)
        self._options = options
        self._rng = rng
        n = self._x.size
        self._groups = start.groups
        self._size = np.ones(n)
        self._unit = control_scales(start.groups, n)
        groups = [np.arange(group.slice.start, group.slice.stop) for group in start.groups.values()]
        self._estimator = _make_estimator(options, n, groups, rng)
        self._update = make_update(options.update, n, options.beta1, options.beta2)
        self._loss = np.inf
        self._schedule_start = 0
        self._probes = self._estimator.probes(0, np.random.default_rng(0))

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Mean loss of the probes of the last step."""
        return self._loss

    def ask(self) -> Candidates:
        """The probes of a step."""
        o = self._options
        shrunk = perturbation_factor(o.schedule, self.n_steps - self._schedule_start)
        self._size = perturbation_sizes(
            self._groups, self._x.size, o.perturb_phase_rad * shrunk, o.perturb_digital * shrunk
        )
        self._probes = self._estimator.probes(self.n_steps, self._rng)
        return Candidates(self._x + self._probes.offsets * self._size, True, "probe")

    def tell(self, evaluation: Evaluation) -> None:
        """Their losses."""
        o = self._options
        estimate = self._probes.gradient(evaluation.losses)
        self._loss = float(evaluation.losses.mean())
        self._estimator.learn(self._loss, estimate)
        # In units of the scale of each control, so that one learning rate suits all.
        direction = self._update.direction(estimate * self._unit / self._size)
        done = self.n_steps - self._schedule_start
        rate = o.learning_rate * step_factor(o.schedule, done, o.schedule_steps, o.schedule_factor)
        self._x = self._x - rate * self._unit * direction
        if o.whole_codes:
            self._x = to_random_codes(self._groups, self._x, self._rng)
        self.n_steps += 1
        if o.fresh_update and self._has_stalled() and self._schedule_start == 0:
            self._update = make_update(o.update, self._x.size, o.beta1, o.beta2)
            self._schedule_start = self.n_steps

    def stop(self) -> dict[str, str]:
        """Never stops by itself."""
        return {}

    def _has_stalled(self) -> bool:
        """Whether the hybrid has turned to coordinates."""
        return isinstance(self._estimator, Hybrid) and self._estimator.stalled

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "method": np.array(type(self._options).__name__),
            "loss": np.array(self._loss),
            "n_steps": np.array(self.n_steps),
            "schedule_start": np.array(self._schedule_start),
            "rng": generator_to_array(self._rng),
            **{f"update/{key}": value for key, value in self._update.state().items()},
            **{f"estimator/{key}": value for key, value in self._estimator.state().items()},
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`.

        Raises:
            CheckpointError: it is of another combination.
        """
        own, other = type(self._options).__name__, str(state["method"])
        if own != other:
            raise CheckpointError(f"checkpoint: state of {other} cannot be read; allowed: {own}")
        self._x = np.array(state["x"])
        self._loss = float(state["loss"])
        self.n_steps, self._schedule_start = int(state["n_steps"]), int(state["schedule_start"])
        self._rng = generator_from_array(state["rng"])
        for prefix, part in (("update/", self._update), ("estimator/", self._estimator)):
            part.restore({key[len(prefix) :]: v for key, v in state.items() if key.startswith(prefix)})


def _make_estimator(
    options: GradientOptions, n: int, groups: list[Array], rng: np.random.Generator
) -> GradientEstimator:
    k, distribution, antithetic = options.n_directions, options.distribution, options.antithetic
    if options.estimator == "groups":
        return GroupDirections(groups, n, k, distribution, antithetic)
    if options.estimator == "importance":
        return ImportantGroups(groups, n, k, distribution, antithetic)
    random = RandomDirections(n, k, distribution, antithetic)
    if options.estimator == "random":
        return random
    seed = int(rng.integers(2**31))
    coordinates = CoordinateWise(n, options.n_coordinates or k, seed, antithetic)
    if options.estimator == "coordinate":
        return coordinates
    return Hybrid(random, coordinates, options.patience, options.tolerance)


RGE_ADAM = Method("random directions fed to Adam, the published way", GradientOptions, ForwardGradient)
RGE_SGD = Method("random directions, plain descent", RgeSgdOptions, ForwardGradient)
SIGN_SGD = Method("signs of a one-sided estimate", SignSgdOptions, ForwardGradient)
ZO_ADAMM = Method("one-sided directions on the sphere, AMSGrad", ZoAdaMMOptions, ForwardGradient)
COORDINATE = Method("central differences, a block of coordinates a step", CoordinateOptions, ForwardGradient)
HYBRID = Method("random directions, coordinate-wise after a stall", HybridOptions, ForwardGradient)
GROUPWISE = Method("random directions core by core", GroupwiseOptions, ForwardGradient)
FLOPS = Method("FLOPS: Gaussian one-sided differences, decaying descent", FlopsOptions, ForwardGradient)
SPSA = Method("SPSA: one antithetic pair a step, Spall's gains", SpsaOptions, ForwardGradient)

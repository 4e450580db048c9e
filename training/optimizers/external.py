"""Optimizers of other libraries behind the same ask and tell: pycma, and any of nevergrad.

Their state is not plain arrays, and checkpoints here hold nothing else. So the losses they were told are
kept, and a resumed run tells them again, with the same random numbers: restoring after n steps costs the
arithmetic of n steps, and no measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np

from photonzero.training.checks import at_least, positive
from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.oracle import Array


@dataclass(frozen=True)
class CmaOptions:
    """Settings of CMA-ES [hansen2016].

    Attributes:
        population: settings a step.
        sigma: first standard deviation of the population, in rad for phases and in units of the
            group's scale for digital controls.
        diagonal: learn variances only (separable CMA-ES), which thousands of controls need.
    """

    population: int = 32
    sigma: float = 0.05
    diagonal: bool = True

    def __post_init__(self) -> None:
        at_least(self, population=4)
        positive(self, "sigma")


@dataclass(frozen=True)
class NevergradOptions:
    """Settings of an optimizer of nevergrad.

    Attributes:
        algorithm: its name in nevergrad's registry.
        population: settings a step.
        sigma: see `CmaOptions`.
    """

    algorithm: str = "TwoPointsDE"
    population: int = 32
    sigma: float = 0.05

    def __post_init__(self) -> None:
        at_least(self, population=4)
        positive(self, "sigma")


class _CmaSolver:
    def __init__(self, n: int, options: CmaOptions, seed: int) -> None:
        cma = _library("cma", "cma")
        rng = np.random.default_rng(seed)
        settings = {
            "popsize": options.population,
            "CMA_diagonal": options.diagonal,
            "verbose": -9,
            # Its own generator is NumPy's global one, which anything may disturb.
            "seed": np.nan,
            "randn": lambda *shape: rng.standard_normal(shape),
        }
        self._strategy = cma.CMAEvolutionStrategy(np.zeros(n), options.sigma, settings)
        self._asked: list[Array] = []

    def ask(self) -> Array:
        self._asked = self._strategy.ask()
        return np.stack(self._asked)

    def tell(self, losses: Array) -> None:
        self._strategy.tell(self._asked, losses.tolist())

    @property
    def recommended(self) -> Array:
        return np.array(self._strategy.mean)


class _NevergradSolver:
    def __init__(self, n: int, options: NevergradOptions, seed: int) -> None:
        ng = _library("nevergrad", "nevergrad")
        if options.algorithm not in ng.optimizers.registry:
            raise ArgumentError(
                f"algorithm: {options.algorithm!r}; allowed: a name in nevergrad.optimizers.registry"
            )
        space = ng.p.Array(init=np.zeros(n)).set_mutation(sigma=options.sigma)
        space.random_state = np.random.RandomState(seed)
        maker = ng.optimizers.registry[options.algorithm]
        self._solver = maker(parametrization=space, budget=None, num_workers=options.population)
        self._population = options.population
        self._asked: list[Any] = []

    def ask(self) -> Array:
        self._asked = [self._solver.ask() for _ in range(self._population)]
        return np.stack([asked.value for asked in self._asked])

    def tell(self, losses: Array) -> None:
        for asked, loss in zip(self._asked, losses, strict=True):
            self._solver.tell(asked, float(loss))

    @property
    def recommended(self) -> Array:
        return np.array(self._solver.provide_recommendation().value)


class External:
    """An optimizer of another library; see the module's text. A step costs one population of losses.

    Args:
        start: where, and what can be set.
        make: a solver of n unknowns that start at 0, from a seed.
        rng: draws the seed.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, make: Callable[[int, int], Any], rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._origin = np.array(start.controls, dtype=np.float64)
        self._scale = control_scales(start.groups, self._origin.size)
        self._make = make
        self._seed = int(rng.integers(2**31))
        self._solver = make(self._origin.size, self._seed)
        self._told, self._losses = 0, np.zeros((0, 0))
        self._x = self._origin

    @property
    def controls(self) -> Array:
        """What the solver recommends after the last step, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Lowest loss of the last population."""
        return float(self._losses[self._told - 1].min()) if self._told else np.inf

    def ask(self) -> Candidates:
        """A population."""
        return Candidates(self._origin + self._scale * self._solver.ask(), True, "population")

    def tell(self, evaluation: Evaluation) -> None:
        """Its losses."""
        self._advance(np.array(evaluation.losses, dtype=np.float64))
        self._x = self._origin + self._scale * self._solver.recommended

    def stop(self) -> dict[str, str]:
        """Never stops by itself."""
        return {}

    def state(self) -> dict[str, Array]:
        """The losses told, the seed, and where it stands."""
        return {
            "x": self._x.copy(),
            "seed": np.array(self._seed),
            # Rows are never written again: a copy at every step would make long trainings quadratic.
            "told": self._losses[: self._told],
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Start again, and tell it what it was told."""
        self._seed = int(state["seed"])
        self._solver = self._make(self._origin.size, self._seed)
        self._told, self._losses, self.n_steps = 0, np.zeros((0, 0)), 0
        for losses in state["told"]:
            if self._solver.ask().shape[0] != losses.size:
                raise CheckpointError(f"checkpoint: populations of {losses.size}; allowed: as configured")
            self._advance(losses)
        self._x = np.array(state["x"])

    def _advance(self, losses: Array) -> None:
        self._solver.tell(losses)
        if self._told == len(self._losses):
            grown = np.empty((max(2 * self._told, 16), losses.size))
            if self._told:
                grown[: self._told] = self._losses
            self._losses = grown
        self._losses[self._told] = losses
        self._told += 1
        self.n_steps += 1


def cma_es(start: Start, options: CmaOptions, rng: np.random.Generator) -> External:
    """CMA-ES of pycma.

    Raises:
        ArgumentError: pycma is not installed.
    """
    return External(start, lambda n, seed: _CmaSolver(n, options, seed), rng)


def nevergrad(start: Start, options: NevergradOptions, rng: np.random.Generator) -> External:
    """Any optimizer of nevergrad.

    Raises:
        ArgumentError: nevergrad is not installed, or has no such algorithm.
    """
    return External(start, lambda n, seed: _NevergradSolver(n, options, seed), rng)


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ArgumentError(
            f"optimizer: {name} is not installed; allowed: pip install 'photonzero[{extra}]'"
        ) from error


CMA_ES = Method("CMA-ES of pycma (extra cma)", CmaOptions, cma_es, "cma")
NEVERGRAD = Method("any optimizer of nevergrad (extra nevergrad)", NevergradOptions, nevergrad, "nevergrad")

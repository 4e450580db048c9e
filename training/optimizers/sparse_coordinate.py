"""Sparse coordinate descent, the power-aware mixed training of Gu et al. 2021 [gu2021mixed].

A random sparse subset of controls is visited one after the other; each moves up by the current step if
that lowers the loss, else down. Half of the moves need no measurement of their own, a control that
is left alone needs no reprogramming, and steps shrink with time. As published a downward move is not
checked; here it is taken only for what it is, one more guess, and the loss of the next visit is the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from photonzero.training.checks import at_least, positive, require
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.optimizers.parts.scaling import perturbation_sizes
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array


@dataclass(frozen=True)
class SparseCoordinateOptions:
    """Settings of `SparseCoordinate`.

    Attributes:
        n_coordinates: controls visited a step, on the same batch.
        step_phase_rad: first size of a move of a phase [rad]; never below one step of the DAC's grid.
        step_digital: first size of a digital move, in units of its group's scale.
        decay: factor of the sizes a step.
    """

    n_coordinates: int = 55
    step_phase_rad: float = 0.1
    step_digital: float = 0.1
    decay: float = 0.995

    def __post_init__(self) -> None:
        at_least(self, n_coordinates=1)
        positive(self, "step_phase_rad", "step_digital")
        require(self, "decay", 0 < self.decay <= 1, "above 0 up to 1")


class SparseCoordinate:
    """Sparse coordinate descent; see the module's text. A step costs n_coordinates + 1 losses.

    Args:
        start: where, and what can be set.
        options: see `SparseCoordinateOptions`.
        rng: draws the controls to visit.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, options: SparseCoordinateOptions, rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._x = np.array(start.controls, dtype=np.float64)
        self._start, self._options, self._rng = start, options, rng
        self._loss = np.inf
        self._working = self._x
        self._queue: list[int] = []
        self._size = np.zeros(0)
        self._known = False

    @property
    def controls(self) -> Array:
        """The setting after the last completed step, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Lowest loss measured in the last step; downward moves after it are not measured."""
        return self._loss

    def ask(self) -> Candidates:
        """The centre at the start of a step, then one moved control after the other."""
        if not self._queue and not self._known:
            o, n = self._options, self._x.size
            factor = o.decay**self.n_steps
            self._size = perturbation_sizes(
                self._start.groups, n, o.step_phase_rad * factor, o.step_digital * factor
            )
            self._queue = list(self._rng.choice(n, size=min(o.n_coordinates, n), replace=False))
            self._working = self._x.copy()
            return Candidates(self._x[None], True, "base")
        return Candidates(self._moved(1.0)[None], False, "visit")

    def tell(self, evaluation: Evaluation) -> None:
        """The loss of the setting asked for."""
        loss = float(evaluation.losses[0])
        if not self._known:
            self._loss, self._known = loss, True
            return
        if loss < self._loss:
            self._working, self._loss = self._moved(1.0), loss
        else:
            self._working = self._moved(-1.0)
        self._queue.pop()
        if not self._queue:
            self._x, self._known = self._working, False
            self.n_steps += 1

    def stop(self) -> dict[str, str]:
        """Never stops by itself."""
        return {}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "visited_loss": np.array(self._loss),
            "n_steps": np.array(self.n_steps),
            "rng": generator_to_array(self._rng),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x = np.array(state["x"])
        self._loss = float(state["visited_loss"])
        self.n_steps = int(state["n_steps"])
        self._rng = generator_from_array(state["rng"])

    def _moved(self, sign: float) -> Array:
        moved = self._working.copy()
        moved[self._queue[-1]] += sign * self._size[self._queue[-1]]
        return moved


METHOD = Method("sparse coordinate descent of mixed training", SparseCoordinateOptions, SparseCoordinate)

"""The least an optimizer of one's own has to write: what to measure, and what to make of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np

from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Start
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array


class PopulationOptimizer(ABC):
    """An optimizer whose step is one population of settings, measured on one fresh batch, and their losses.

        class RandomSearch(PopulationOptimizer):
            def propose(self):
                steps = self.rng.standard_normal((8, self.controls.size))
                return self.controls + 0.05 * self.scale * steps

            def learn(self, settings, losses):
                self.controls = settings[np.argmin(losses)]

    Numbers, texts, arrays and generators that are attributes are kept in checkpoints, all others must begin
    with an underscore. Those that a step changes are to be set in ``__init__``, after ``super().__init__``.

    Args:
        start: where, and what can be set.
        options: an instance of the class's ``Options``, a dataclass, if it has one.
        rng: for all that is drawn.

    Attributes:
        controls: (n_controls,) the setting it stands at, which `learn` moves.
        loss: lowest loss of the last population; infinity before the first.
        n_steps: steps completed.
        scale: (n_controls,) typical size of a change of each control [rad for phases].
        options: as given.
        rng: as given.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, options: Any, rng: np.random.Generator) -> None:
        self.controls: Array = np.array(start.controls, dtype=np.float64)
        self.loss, self.n_steps = float("inf"), 0
        self.scale = control_scales(start.groups, self.controls.size)
        self.options, self.rng = options, rng
        self._settings = self.controls[None]

    @abstractmethod
    def propose(self) -> Array:
        """The settings to measure, (P, n_controls)."""

    @abstractmethod
    def learn(self, settings: Array, losses: Array) -> None:
        """Move to what the losses (P,) of these settings (P, n_controls) suggest."""

    def ask(self) -> Candidates:
        """The population of a step."""
        self._settings = np.asarray(self.propose(), dtype=np.float64)
        return Candidates(self._settings, True, "population")

    def tell(self, evaluation: Evaluation) -> None:
        """Its losses."""
        self.loss = float(evaluation.losses.min())
        self.learn(self._settings, evaluation.losses)
        self.n_steps += 1

    def stop(self) -> dict[str, str]:
        """Never stops by itself."""
        return {}

    def state(self) -> dict[str, Array]:
        """Every attribute that a step may have changed, and the name of the class."""
        state = {"class": np.array(type(self).__name__)}
        for name, value in self._kept():
            is_generator = isinstance(value, np.random.Generator)
            state[name] = generator_to_array(value) if is_generator else np.array(value)
            if state[name].dtype == object:
                raise ArgumentError(
                    f"{type(self).__name__}.{name}: a {type(value).__name__}, which no checkpoint can keep; "
                    f"allowed: numbers, arrays and generators, or a name with an underscore (_{name})"
                )
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`.

        Raises:
            CheckpointError: it is of another class.
        """
        own, other = type(self).__name__, str(state["class"])
        if own != other:
            raise CheckpointError(f"checkpoint: state of {other} cannot be read; allowed: {own}")
        for name, value in self._kept():
            if isinstance(value, np.random.Generator):
                setattr(self, name, generator_from_array(state[name]))
            else:
                kept = np.array(state[name])
                setattr(self, name, kept if isinstance(value, np.ndarray) else kept.item())

    def _kept(self) -> list[tuple[str, Any]]:
        constant = ("scale", "options")
        return [(k, v) for k, v in vars(self).items() if k not in constant and not k.startswith("_")]

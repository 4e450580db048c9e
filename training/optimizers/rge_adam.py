"""The published way: random-direction gradient estimates fed to Adam.

With Rademacher directions z_k in units of the perturbation sizes s (antithetic pairs),

    g_i = mean over k of (L(x + s z_k) - L(x - s z_k)) / (2 s_i) z_ki,

unbiased for the gradient of a quadratic, with variance ``(|s g|^2 - (s_i g_i)^2) / (K s_i^2)`` in each
component [spall1992]; 2 K losses a step. Adam as in [kingma2015].
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
class RgeAdamOptions:
    """Settings of `RgeAdam`.

    Attributes:
        n_directions: K, antithetic pairs a step.
        learning_rate: step of Adam, in rad for phases, in units of the group's scale for digital ones.
        perturb_phase_rad: size of a phase perturbation [rad]; raised to one step of the DAC's grid.
        perturb_digital: size of a digital perturbation, in units of its group's scale.
        beta1: decay of the mean of the gradient.
        beta2: decay of the mean of its square.
    """

    n_directions: int = 28
    learning_rate: float = 0.01
    perturb_phase_rad: float = 0.02
    perturb_digital: float = 0.02
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        if self.n_directions < 1:
            raise ArgumentError(f"n_directions: {self.n_directions}; allowed: >= 1")
        for name in ("learning_rate", "perturb_phase_rad", "perturb_digital"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ArgumentError(f"{name}: {getattr(self, name)}; allowed: > 0")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ArgumentError(f"{name}: {getattr(self, name)}; allowed: from 0 to below 1")


class RgeAdam:
    """Random gradient estimation with Adam; see the module's text.

    Args:
        start: where, and what can be set.
        options: see `RgeAdamOptions`.
        rng: draws the directions.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, options: RgeAdamOptions, rng: np.random.Generator) -> None:
        self.n_steps = 0
        self._x = np.array(start.controls, dtype=np.float64)
        self._options = options
        self._rng = rng
        self._size = perturbation_sizes(
            start.groups, self._x.size, options.perturb_phase_rad, options.perturb_digital
        )
        self._unit = control_scales(start.groups, self._x.size)
        self._mean = np.zeros(self._x.size)
        self._square = np.zeros(self._x.size)
        self._loss = np.inf
        self._signs = np.zeros((0, 0))

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Mean loss of the perturbed settings of the last step."""
        return self._loss

    def ask(self) -> Candidates:
        """K pairs of settings, x + s z and x - s z."""
        shape = (self._options.n_directions, self._x.size)
        self._signs = 2.0 * self._rng.integers(0, 2, shape) - 1.0
        change = self._signs * self._size
        return Candidates(np.vstack([self._x + change, self._x - change]), True, "pairs")

    def tell(self, evaluation: Evaluation) -> None:
        """Losses of those settings."""
        o = self._options
        plus, minus = np.split(evaluation.losses, 2)
        gradient = ((plus - minus) / 2.0) @ self._signs / (o.n_directions * self._size)
        # In units of the scale of each control, so that one learning rate suits all.
        gradient = gradient * self._unit
        self.n_steps += 1
        self._mean = o.beta1 * self._mean + (1 - o.beta1) * gradient
        self._square = o.beta2 * self._square + (1 - o.beta2) * gradient**2
        mean = self._mean / (1 - o.beta1**self.n_steps)
        square = self._square / (1 - o.beta2**self.n_steps)
        self._x = self._x - o.learning_rate * self._unit * mean / (np.sqrt(square) + 1e-8)
        self._loss = float(evaluation.losses.mean())

    def stop(self) -> dict[str, str]:
        """Never stops by itself."""
        return {}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {
            "x": self._x.copy(),
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "loss": np.array(self._loss),
            "n_steps": np.array(self.n_steps),
            "rng": generator_to_array(self._rng),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x = np.array(state["x"])
        self._mean = np.array(state["mean"])
        self._square = np.array(state["square"])
        self._loss = float(state["loss"])
        self.n_steps = int(state["n_steps"])
        self._rng = generator_from_array(state["rng"])

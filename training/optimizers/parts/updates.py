"""What is done with a gradient: update rules, and schedules of their step sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np

from photonzero.training.oracle import Array

UpdateName = Literal["sgd", "momentum", "sign", "adam", "amsgrad"]
ScheduleName = Literal["constant", "step", "cosine", "spall"]
UPDATES: tuple[UpdateName, ...] = ("sgd", "momentum", "sign", "adam", "amsgrad")
SCHEDULES: tuple[ScheduleName, ...] = ("constant", "step", "cosine", "spall")


class Update(Protocol):
    """From a gradient to the direction of a step, both (n,)."""

    def direction(self, gradient: Array) -> Array:
        """What to subtract from the controls, times the step size, (n,)."""
        ...

    def state(self) -> dict[str, Array]:
        """What later directions depend on."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        ...


class Momentum:
    """``m = beta m + g``; beta = 0 is gradient descent.

    Args:
        n: number of controls.
        beta: decay of the mean a step.
    """

    def __init__(self, n: int, beta: float) -> None:
        self._beta, self._mean = beta, np.zeros(n)

    def direction(self, gradient: Array) -> Array:
        """The mean of the gradients so far, m (n,)."""
        self._mean = self._beta * self._mean + gradient
        return self._mean

    def state(self) -> dict[str, Array]:
        """The mean of the gradients so far."""
        return {"mean": self._mean.copy()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        self._mean = np.array(state["mean"])


class Sign:
    """Only the sign of each entry: ZO-signSGD [liu2019sign]."""

    def direction(self, gradient: Array) -> Array:
        """The sign of each entry of the gradient, (n,)."""
        return np.sign(gradient)

    def state(self) -> dict[str, Array]:
        """Nothing: a sign depends on its own gradient only."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Nothing to continue from."""


class Adam:
    """Adam [kingma2015], or AMSGrad, the rule of ZO-AdaMM [chen2019].

    Args:
        n: number of controls.
        beta1: decay of the mean of the gradient a step.
        beta2: decay of the mean of its square a step.
        amsgrad: divide by the largest mean square so far, without bias correction, as in ZO-AdaMM.
    """

    def __init__(self, n: int, beta1: float, beta2: float, amsgrad: bool) -> None:
        self._beta1, self._beta2, self._amsgrad = beta1, beta2, amsgrad
        self._mean, self._square, self._largest = np.zeros(n), np.zeros(n), np.zeros(n)
        self._n_steps = 0

    def direction(self, gradient: Array) -> Array:
        """The mean of the gradient over the root of the mean of its square, (n,)."""
        self._n_steps += 1
        self._mean = self._beta1 * self._mean + (1 - self._beta1) * gradient
        self._square = self._beta2 * self._square + (1 - self._beta2) * gradient**2
        if self._amsgrad:
            self._largest = np.maximum(self._largest, self._square)
            return self._mean / (np.sqrt(self._largest) + 1e-8)
        mean = self._mean / (1 - self._beta1**self._n_steps)
        square = self._square / (1 - self._beta2**self._n_steps)
        return mean / (np.sqrt(square) + 1e-8)

    def state(self) -> dict[str, Array]:
        """Both means, the largest mean square so far, and the number of gradients seen."""
        return {
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "largest": self._largest.copy(),
            "n_updates": np.array(self._n_steps),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        self._mean, self._square = np.array(state["mean"]), np.array(state["square"])
        self._largest, self._n_steps = np.array(state["largest"]), int(state["n_updates"])


def make_update(name: UpdateName, n: int, beta1: float, beta2: float) -> Update:
    """The update rule of that name."""
    if name == "sign":
        return Sign()
    if name in ("sgd", "momentum"):
        return Momentum(n, beta1 if name == "momentum" else 0.0)
    return Adam(n, beta1, beta2, amsgrad=name == "amsgrad")


def step_factor(name: ScheduleName, step: int, steps: int, factor: float) -> float:
    """What a step size is multiplied with, 1 at step 0.

    Args:
        name: "constant"; "step", times `factor` every `steps` steps; "cosine", down to `factor` after
            `steps` steps and constant from there; "spall", ``((A + 1) / (A + k + 1))^0.602`` with
            A = `steps`, the gains of SPSA [spall1998].
        step: number of the step, from 0.
        steps: see `name`.
        factor: see `name`.
    """
    if name == "step":
        return factor ** (step // steps)
    if name == "cosine":
        done = min(step / steps, 1.0)
        return factor + (1 - factor) * 0.5 * (1 + math.cos(math.pi * done))
    if name == "spall":
        return ((steps + 1) / (steps + step + 1)) ** 0.602
    return 1.0


def perturbation_factor(name: ScheduleName, step: int) -> float:
    """What a perturbation is multiplied with: ``(k + 1)^-0.101``, SPSA's second gain [spall1998], or 1."""
    return (step + 1) ** -0.101 if name == "spall" else 1.0

"""One optimizer after the other, for time windows: each begins where the one before has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.network import MeasuredLayer, passed
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Optimizer, Start
from photonzero.training.optimizers.layered_gauss_newton import LayeredGaussNewton
from photonzero.training.oracle import Array

_POINTS_AT_ONCE = 4096


class WindowedOptimizer:
    """Layered Gauss-Newton of windows one after the other; its controls are those of all side by side.

    What a window ends with is kept as the matrices that were read last: the next window's solution begins
    with that network's answer.

    Args:
        start: of every window's settings; the later ones start where the one before has ended.
        n_windows: how many.
        make: the optimizer of a window.
        rng: a stream of it is each window's.

    Raises:
        ArgumentError: an optimizer that does not read layers.
    """

    needs: Literal["loss", "residuals"] = "residuals"

    def __init__(
        self,
        start: Start,
        n_windows: int,
        make: Callable[[Start, np.random.Generator], Optimizer],
        rng: np.random.Generator,
    ) -> None:
        self._start, self._make, self._n = start, make, n_windows
        self._streams = rng.spawn(n_windows)
        self._window = self._made(start, 0)
        self._n_before, self._loss_before, self._operations_before = 0, np.inf, 0.0
        self._ended: list[tuple[Array, list[Array]]] = []

    def _made(self, start: Start, k: int) -> LayeredGaussNewton:
        optimizer = self._make(start, self._streams[k])
        if not isinstance(optimizer, LayeredGaussNewton):
            raise ArgumentError(
                "windows: with an optimizer that does not read layers; allowed: layered-gauss-newton"
            )
        return optimizer

    @property
    def n_steps(self) -> int:
        """Steps completed, those of windows before included."""
        return self._n_before + self._window.n_steps

    @property
    def n_host_operations(self) -> float:
        """Multiplications and additions so far, those of windows before included."""
        return self._operations_before + self._window.n_host_operations

    @property
    def controls(self) -> Array:
        """Settings of all windows, (n_windows n_controls,); those to come are those of the present one."""
        ended = [controls for controls, _ in self._ended]
        return np.concatenate([*ended, *[self._window.controls] * (self._n - len(ended))])

    @property
    def loss(self) -> float:
        """Of the present window, or before its first step of the one before."""
        return self._window.loss if self._window.n_steps else self._loss_before

    @property
    def done(self) -> float:
        """Share of the present window's steps that are over."""
        return self._window.done

    @property
    def ended(self) -> list[Callable[[Array], Array]]:
        """Networks of the windows that are over, (N, d) presented to (N, m)."""
        return [self._network(controls, matrices) for controls, matrices in self._ended]

    def ask(self) -> Candidates:
        """See `Optimizer`."""
        return self._window.ask()

    def tell(self, evaluation: Evaluation) -> None:
        """See `Optimizer`; the last step of a window begins the next."""
        self._window.tell(evaluation)
        k = len(self._ended) + 1
        if k < self._n and self._window.stop():
            self._n_before += self._window.n_steps
            self._operations_before += self._window.n_host_operations
            self._loss_before = self._window.loss
            self._ended.append((self._window.controls.copy(), self._window.matrices))
            self._window = self._made(replace(self._start, controls=self._window.controls), k)

    def stop(self) -> dict[str, str]:
        """When the last window is over."""
        return self._window.stop() if len(self._ended) == self._n - 1 else {}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        state = {f"window/{key}": value for key, value in self._window.state().items()}
        before = (self._n_before, self._loss_before, self._operations_before)
        state["windows"] = np.array((len(self._ended), *before), dtype=float)
        for k in range(self._n - 1):
            controls, matrices = self._ended[k] if k < len(self._ended) else (np.zeros(0), [])
            state[f"ended{k}/controls"] = controls.copy()
            for layer in range(len(self._start.shown or ())):
                state[f"ended{k}/matrix{layer}"] = matrices[layer].copy() if matrices else np.zeros(0)
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        ended, before, self._loss_before, self._operations_before = map(float, state["windows"])
        n_ended, self._n_before = int(ended), int(before)
        layers = range(len(self._start.shown or ()))
        self._ended = [
            (np.array(state[f"ended{k}/controls"]), [np.array(state[f"ended{k}/matrix{i}"]) for i in layers])
            for k in range(n_ended)
        ]
        start = replace(self._start, controls=self._ended[-1][0]) if n_ended else self._start
        self._window = self._made(start, n_ended)
        self._window.restore({k[len("window/") :]: v for k, v in state.items() if k.startswith("window/")})

    def _network(self, controls: Array, matrices: Sequence[Array]) -> Callable[[Array], Array]:
        layers = [
            MeasuredLayer((), matrix, controls[own.bias], own.activation)
            for own, matrix in zip(self._start.shown or (), matrices, strict=True)
        ]
        readout = self._window.readout_of(controls)

        def answers(inputs: Array) -> Array:
            found = np.empty((len(inputs), len(readout)))
            for first in range(0, len(inputs), _POINTS_AT_ONCE):
                some = slice(first, first + _POINTS_AT_ONCE)
                features = passed(layers, inputs[some, None]).features[:, 0]
                found[some] = features @ readout[:, :-1].T + readout[:, -1]
            return found

        return answers

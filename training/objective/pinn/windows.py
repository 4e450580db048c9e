"""Time windows: a PDE with a time is learnt one stretch of it after the other.

Every window has its own settings and its own readout. Its solution begins where that of the window before
ends, and has the ansatz of the problem from there on,

    u_k(x, t) = u_(k-1)(x, t_k) + a(x, t) - a(x, t_k) + c(x, t_0 + t - t_k) network_k(x, t)

for an ansatz ``a + c network`` with c = 0 at the first time t_0. While a window is learnt the ones before it
are known functions: what the host has measured of them. When the solution is judged the chip answers for
all of them, with its noise: a point of window k costs k + 1 inferences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective.base import Evaluation
from photonzero.training.objective.pinn.block import Block
from photonzero.training.objective.pinn.known import KnownPdeBatch
from photonzero.training.objective.pinn.objective import PinnObjective
from photonzero.training.oracle import Array, ForwardOracle
from photonzero.training.pde.base import PDE
from photonzero.training.pde.space import TIME, Coordinates

Answers: TypeAlias = Callable[[Array], Array]
"""Of a network, (N, m), to what is presented to it, (N, d)."""


class TimeWindows:
    """A PDE cut into windows of equal length.

    Args:
        problem: with a time, and initial data in its ansatz.
        n: windows.

    Raises:
        ArgumentError: a problem that has no time, or that windows cannot begin anywhere in.
    """

    def __init__(self, problem: PDE, n: int) -> None:
        self.n = n
        space = problem.space
        if TIME not in space.names:
            raise ArgumentError(f"windows: {n} for {problem.name}, which has no time {TIME}; allowed: 1")
        self._problem = problem
        self._place = space.indices(TIME)[0]
        self._edges = np.linspace(space.lower[self._place], space.upper[self._place], n + 1)
        for condition in problem.conditions():
            if condition.points is not None or (isinstance(condition.at, Mapping) and TIME in condition.at):
                raise ArgumentError(
                    f"windows: {n} for {problem.name}, whose condition {condition.name!r} is at times of its "
                    "own; allowed: initial data built into the ansatz"
                )
        points = problem.sample(64, np.random.default_rng(0))
        early = self._at(points, self._edges[0] + 1e-3 * (self._edges[-1] - self._edges[0]))
        late, first = self._at(points, self._edges[-1]), self._at(points, self._edges[0])
        ones = np.ones((1, len(points), problem.n_outputs))
        sizes = [float(np.abs(self._moved(own, ones)).max()) for own in (first, early, late)]
        # Second order in time: the start's speed would have to be known too.
        if sizes[0] > 1e-12 * sizes[2] or sizes[1] < 1e-4 * sizes[2]:
            raise ArgumentError(
                f"windows: {n} for {problem.name}; allowed with an ansatz whose network is multiplied by "
                "something that grows from 0 at the first time in proportion to what has passed"
            )

    def number(self, points: Array) -> Array:
        """The window that each point (N, d) is in, (N,)."""
        found = np.searchsorted(self._edges, points[:, self._place], side="right") - 1
        return np.clip(found, 0, self.n - 1)

    def problem(self, k: int, before: Sequence[Answers]) -> PDE:
        """The PDE on window k, behind networks that are known."""
        names = self._problem.space.names
        ends = (float(self._edges[k]), float(self._edges[k + 1]))
        changed = self._problem.changed(
            domain={name: ends if name == TIME else self._problem.domain[name] for name in names}
        )

        def ansatz(at: Coordinates, *net: Array) -> tuple[Array, ...]:
            values = self.solution(k, at.points, np.stack(net, axis=-1), before)
            return tuple(np.moveaxis(values, -1, 0))

        return changed.changed(ansatz=ansatz)

    def solution(self, k: int, points: Array, network: Array, before: Sequence[Answers]) -> Array:
        """U at points (..., d) of window k from its network's answers (P, ..., m).

        Args:
            k: the window.
            points: of it.
            network: answers there.
            before: the networks of the windows before.
        """
        if k == 0:
            return self._problem.solution(points, network)
        none = np.zeros((1, *points.shape[:-1], self._problem.n_outputs))
        here = self._at(points, self._edges[k])
        own = self._problem.solution(points, none) - self._problem.solution(here, none)
        passed = points.copy()
        passed[..., self._place] += self._edges[0] - self._edges[k]
        return self._end(k, here, before) + own + self._moved(passed, network)

    def _end(self, k: int, points: Array, before: Sequence[Answers]) -> Array:
        """U where window k begins, (1, ..., m)."""
        flat = points.reshape(-1, points.shape[-1])
        answers = before[k - 1](self.presented(k - 1, flat)).reshape(1, *points.shape[:-1], -1)
        return self.solution(k - 1, points, answers, before)

    def presented(self, k: int, points: Array) -> Array:
        """What window k's network is presented at points (N, d)."""
        low, high = self._edges[k], self._edges[k + 1]
        share = (self._edges[-1] - self._edges[0]) / (high - low)
        stretched = points.copy()
        stretched[:, self._place] = self._edges[0] + (points[:, self._place] - low) * share
        return (stretched - self._problem.center) / self._problem.scale

    def _moved(self, points: Array, network: Array) -> Array:
        """What the network adds to the problem's ansatz."""
        none = np.zeros((1, *points.shape[:-1], self._problem.n_outputs))
        return self._problem.solution(points, network) - self._problem.solution(points, none)

    def _at(self, points: Array, time: float) -> Array:
        moved = points.copy()
        moved[..., self._place] = time
        return moved


class WindowedObjective:
    """`PinnObjective` of one window after the other; settings of all windows stand side by side.

    Args:
        problem: the PDE.
        n_windows: how many.
        make: the objective of the whole or of a window.
    """

    def __init__(self, problem: PDE, n_windows: int, make: Callable[[PDE], PinnObjective]) -> None:
        self.problem = problem
        self.windows = TimeWindows(problem, n_windows)
        self._make = make
        self._whole = make(problem)
        self._k = -1
        self.enter([])

    def enter(self, before: Sequence[Answers]) -> None:
        """Learn the window that follows after networks that are known."""
        if len(before) != self._k:
            self._k = len(before)
            self._window = self._make(self.windows.problem(self._k, before))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Of the window's batch, see `PinnObjective`."""
        return self._window.blocks

    @property
    def inferences_per_candidate(self) -> int:
        """See `Objective`."""
        return self._window.inferences_per_candidate

    @property
    def test_points(self) -> Array:
        """The points that the test error is about, (n_test, d)."""
        return self._whole.test_points

    def advance(self, done: float) -> None:
        """A share `done` of the training of this window is over."""
        self._window.advance(done)

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Batch `number` of the window."""
        self._window.load_batch(number, factor)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Refused: only networks that a host has measured can be begun from."""
        raise ArgumentError(
            "windows: with an optimizer that measures whole networks; allowed: one that reads layers"
        )

    def known_batch(self) -> KnownPdeBatch:
        """The window's batch."""
        return self._window.known_batch()

    def predict(self, oracle: ForwardOracle, controls: Array, points: Array) -> Array:
        """The solution u (N, m) at points (N, d), of settings (n_windows n_controls,) of all windows."""
        settings = controls.reshape(self.windows.n, -1)

        def answers(k: int, inputs: Array) -> Array:
            return oracle.measure(settings[k][None], inputs)[0].astype(np.float64)

        networks = [partial(answers, k) for k in range(self.windows.n)]
        found = np.empty((len(points), self.problem.n_outputs))
        numbers = self.windows.number(points)
        for k in np.unique(numbers):
            own = points[numbers == k]
            network = networks[k](self.windows.presented(k, own))
            found[numbers == k] = self.windows.solution(int(k), own, network[None], networks[:k])[0]
        return found

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """See `PinnObjective`; windows that are still to come answer as the one that is learnt."""
        return self._relative_error(oracle, controls, self._whole.validation_points)

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """See `PinnObjective`."""
        return self._relative_error(oracle, controls, self._whole.test_points)

    def zero_error(self) -> float:
        """Error of a network that answers 0."""
        return self._whole.zero_error()

    def state(self) -> dict[str, Array]:
        """The window's, and which it is."""
        return {**self._window.state(), "window": np.array(self._k)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`; a window that has just ended leaves nothing to the next."""
        try:
            if int(state["window"]) == self._k:
                self._window.restore(state)
        except KeyError as error:
            raise CheckpointError(f"checkpoint: objective {error} cannot be read") from error

    def _relative_error(self, oracle: ForwardOracle, controls: Array, points: Array) -> float:
        predicted = self.predict(oracle, controls, points)
        if not self.problem.has_exact:
            return math.nan
        return self.problem.relative_error(predicted, self.problem.reference(points))

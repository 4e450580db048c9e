"""What an error is worth: that of a network at zero, and that of the same chip with frozen optics.

The first is the ansatz alone. The second has its phases and biases where they start and the best readout that
can honestly be had behind them: with layer access one that is priced for the noise and fitted to measured
matrices, from features one that is judged on fresh measurements. Optics that have learnt something end below
both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from photonzero.training.layers.network import knows_activation
from photonzero.training.layers.oracle import LayerOracle
from photonzero.training.objective import KnownBatch, KnownTask, Objective
from photonzero.training.objective.pinn.windows import WindowedObjective
from photonzero.training.optimizers.base import Optimizer, Start, start_on
from photonzero.training.optimizers.frozen import PartialOptimizer
from photonzero.training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from photonzero.training.optimizers.layered_gauss_newton import LayeredGaussNewton, LayeredOptions
from photonzero.training.optimizers.windows import WindowedOptimizer
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle, readout_controls
from photonzero.training.powers import Advances, Stateful, state_of
from photonzero.training.trainer import Limits, TrainingRun

_BATCHES = 5
"""Fresh batches whose readouts are averaged."""

_STEPS = 3
"""Of Gauss-Newton in the readout, from features."""

_NUMBERS = 50_000_000
"""Features of a batch, with their derivatives, that a host holds at once; for more the chip is asked."""


@dataclass(frozen=True)
class FrozenReadout:
    """What optics that stay where they start come to.

    Attributes:
        error: on the test points, of one pass of the chip.
        how: in words.
        inferences: that fitting it took.
    """

    error: float
    how: str
    inferences: int


def frozen_readout(
    oracle: ForwardOracle, make_objective: Callable[[], Objective], controls: Array
) -> FrozenReadout | None:
    """Fit the readout behind frozen optics; None for a chip that shows nothing but its outputs.

    The oracle's noise continues afterwards as if nothing had been asked, where it is `Stateful`.

    Args:
        oracle: one chip.
        make_objective: a fresh objective.
        controls: (n_controls,) to start from.
    """
    if not isinstance(oracle, ReadoutOracle):
        return None
    readout = readout_controls(oracle)
    still = np.ones(oracle.n_controls, dtype=bool)
    still[readout] = False
    if still.all():
        return None
    before = state_of(oracle)
    objective, start = make_objective(), start_on(oracle, controls)
    if isinstance(objective, Advances):
        # A readout needs no easier problem to begin with.
        objective.advance(1.0)
    layered = isinstance(oracle, LayerOracle) and _host_can(oracle, objective, readout.size)
    # Nothing is drawn: neither probes nor directions of a readout that is solved for.
    rng = np.random.default_rng(0)
    optimizer: Optimizer
    if layered:
        options = LayeredOptions(final_steps=_BATCHES - 1)
        start = replace(start, still=still)

        def made(own: Start, rng: np.random.Generator) -> LayeredGaussNewton:
            return LayeredGaussNewton(own, options, rng)

        if isinstance(objective, WindowedObjective):
            optimizer = WindowedOptimizer(start, objective.windows.n, made, rng)
        else:
            optimizer = made(start, rng)
    elif isinstance(objective, WindowedObjective):
        return None
    else:
        optics = [name for name, group in start.groups.items() if still[group.slice].any()]
        few = GaussNewtonOptions(n_directions=1, n_remembered=0, n_dampings=1)
        optimizer = PartialOptimizer(start, optics, lambda own: SubspaceGaussNewton(own, few, rng))
    run = TrainingRun(
        oracle, objective, optimizer, Limits(max_inferences=2**62, max_steps=None if layered else _STEPS)
    )
    run.train()
    error = run.test_error()
    if before is not None and isinstance(oracle, Stateful):
        oracle.restore(before)
    how = "readout fitted to layers that were read" if layered else "readout fitted to features"
    return FrozenReadout(error, how, run.inferences)


def _host_can(oracle: LayerOracle, objective: Objective, n_readout: int) -> bool:
    """Whether the residuals are known functions of a network that fits the host's memory."""
    if not isinstance(objective, KnownTask) or not all(
        knows_activation(own.activation) for own in oracle.layers
    ):
        return False
    batch = objective.known_batch()
    if not isinstance(batch, KnownBatch):
        return False
    n_streams = 0
    for nodes, forms in zip(batch.nodes, batch.forms, strict=True):
        n_points, n_nodes, d = nodes.shape
        n_streams += n_points * (n_nodes if forms is None else 1 + d + len(forms))
    return LayeredOptions().batch_factor * n_streams * oracle.layers[-1].n_out <= _NUMBERS

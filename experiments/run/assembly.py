"""The parts of a run, put together from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photonzero.experiments.config.chips import initial_controls
from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.training.access import restricted
from photonzero.training.ensemble import EnsembleObjective, ensemble
from photonzero.training.objective import Objective
from photonzero.training.objective.pinn.windows import WindowedObjective
from photonzero.training.optimizers import Optimizer, Start, partly_trained, start_on
from photonzero.training.optimizers.windows import WindowedOptimizer
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle
from photonzero.training.trainer import Callback, Limits, TrainingRun


@dataclass(frozen=True)
class Assembled:
    """The parts of a run, put together from its configuration.

    Attributes:
        config: the configuration.
        chip: the first one.
        objective: of one chip.
        optimizer: on controls that all chips share.
        initial_controls: (n_controls,).
        further_chips: of an ensemble.
        held_out: chips that are never trained on.
    """

    config: RunConfig
    chip: ForwardOracle
    objective: Objective
    optimizer: Optimizer
    initial_controls: Array
    further_chips: tuple[ForwardOracle, ...] = ()
    held_out: tuple[ForwardOracle, ...] = ()

    def run(self, limits: Limits, callbacks: Sequence[Callback] = ()) -> TrainingRun:
        """The training of one chip or of an ensemble."""
        if not self.further_chips:
            return TrainingRun(self.chip, self.objective, self.optimizer, limits, callbacks)
        chips = (self.chip, *self.further_chips)
        objective = EnsembleObjective(self.objective, len(chips))
        return TrainingRun(ensemble(chips), objective, self.optimizer, limits, callbacks)


def _streams(config: RunConfig) -> list[np.random.SeedSequence]:
    """Of the points, the first controls and what the optimizer draws."""
    return np.random.SeedSequence(config.seed).spawn(3)


def fresh_objective(config: RunConfig) -> Objective:
    """The objective of a run, as it is before anything was measured."""
    points, *_ = _streams(config)
    rounding = float(np.finfo(config.dtype).eps)
    seed = int(points.generate_state(1)[0])
    return config.task.objective(config.own, config.batch_size, seed, rounding)


@one_blas_thread()
def assemble(config: RunConfig, threads: int | None, start: Array | None = None) -> Assembled:
    """Fabricate the chip and make objective and optimizer.

    Every random role has a stream of its own, so that none depends on how much another draws.

    Args:
        config: the run.
        threads: of the simulator, None for all processors; no effect on results.
        start: (n_controls,) controls to start from, such as another run's; None draws them.

    Raises:
        UsageError: parts that do not fit together.
    """

    def made(seed: int) -> ForwardOracle:
        chip = config.source.make(noise=config.noise.model, seed=seed, dtype=config.dtype, threads=threads)
        return restricted(chip, config.access)

    def further(role: int, n: int) -> tuple[ForwardOracle, ...]:
        """Chips with seeds of their own, the same whatever the other role's number."""
        streams = [np.random.SeedSequence([config.chip_seed, role, k]) for k in range(n)]
        return tuple(made(int(stream.generate_state(1)[0])) for stream in streams)

    task, design = config.task, config.source.design
    chip = made(config.chip_seed)
    _, controls, directions = _streams(config)
    if config.limits.target_error is not None and not task.has_error:
        raise UsageError(f"target_error with {task.name}, which has no exact solution; allowed: none")
    objective = fresh_objective(config)
    for key, needs in zip(("n_in", "n_out"), task.sizes_of(objective), strict=True):
        has = getattr(chip if design is None else design, key, None)
        if has is None and key == "n_out" and isinstance(chip, ReadoutOracle):
            has = chip.readout_bias.stop - chip.readout_bias.start
        has = needs if has is None else has
        if has != needs:
            what = {"n_in": "inputs", "n_out": "outputs"}[key]
            raise UsageError(f"chip {config.chip_name}: {has} {what}; allowed for {task.name}: {needs}")
    if start is not None and start.shape != (chip.n_controls,):
        raise UsageError(
            f"start: {start.shape} controls; allowed for {config.chip_name}: ({chip.n_controls},)"
        )
    initial = initial_controls(chip, np.random.default_rng(controls)) if start is None else start
    rng = np.random.default_rng(directions)

    method = config.optimizer.method

    def make(start: Start, rng: np.random.Generator) -> Optimizer:
        def of_some(some: Start) -> Optimizer:
            return method.make(some, config.optimizer.options, rng)

        return partly_trained(start, config.frozen, method, of_some)

    others = further(0, config.n_chips - 1)
    # Several chips together show less than each: what an optimizer needs of them is missed at once.
    on_chip = start_on(ensemble((chip, *others)) if others else chip, initial)
    if isinstance(objective, WindowedObjective):
        optimizer: Optimizer = WindowedOptimizer(on_chip, objective.windows.n, make, rng)
    else:
        optimizer = make(on_chip, rng)
    return Assembled(
        config,
        chip,
        objective,
        optimizer,
        initial,
        others,
        further(1, config.n_held_out),
    )

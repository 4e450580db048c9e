"""A trained network or a matrix brought onto imperfect chips: loaded, compensated, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.calibrate.calibration import calibrate
from photonzero.experiments.calibrate.load import load_network as load_on_model
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.teacher import Teacher
from photonzero.photonics.chip.chip import Chip, fabricate
from photonzero.photonics.cores import Core, Meshes
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.networks.load import compensate, core_fidelity, load_network, unfolded_cores
from photonzero.training.objective.regression import Pairs, RegressionObjective, relative_error
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.optimizers.gauss_newton import GaussNewtonOptions
from photonzero.training.trainer import Limits, TrainingRun

FloatArray = npt.NDArray[np.float64]

N_COPIED, N_COMPARED = 4000, 1000
"""Inputs that a network is copied at, and that a copy is compared at; those are others."""

_BATCH_SIZE = 200
_OPTIONS = GaussNewtonOptions(n_directions=40, n_remembered=4)
"""With 10 directions, the default of a training, a 6 x 9 matrix ends at twice the error."""

METHODS = ("loaded", "compensated", "calibrated", "self-calibrated")


@dataclass(frozen=True)
class MappedRow:
    """One chip, one method.

    Attributes:
        chip_seed: of the fabricated chip.
        method: one of METHODS.
        fidelity: mean over the optical cores, see `photonzero.photonics.networks.load.core_fidelity`.
        output_error: relative L2 error of the outputs on inputs that nothing was adjusted on.
        task_error: test error of the task; None for a matrix.
        inferences: optical inferences that the adjustment took.
    """

    chip_seed: int
    method: str
    fidelity: float
    output_error: float
    task_error: float | None
    inferences: int


def map_onto_chips(
    teacher: Teacher,
    noise: NoiseModel,
    chip_seeds: Sequence[int],
    max_inferences: int,
    *,
    methods: Sequence[str] = METHODS[:3],
    core_size: int | None = None,
    threads: int | None = None,
    quiet: bool = True,
) -> list[MappedRow]:
    """Some methods on every chip.

    Calibration starts from the loaded phases, knows of the chip what it measures, and moves all that
    can be set: the outputs of the network are copied, at random inputs, by forward-only Gauss-Newton.
    Self-calibration lets the chip tell its errors first, see `photonzero.experiments.calibrate`.

    Args:
        teacher: the network.
        noise: of the chips.
        chip_seeds: the chips.
        max_inferences: budget of calibration on each.
        methods: some of METHODS.
        core_size: k of the blocks; None as the teacher has it.
        threads: of the simulator; no effect on results.
        quiet: no progress.

    Returns:
        A row a chip and method.
    """
    cores = None if core_size is None else _blocks(teacher.design, core_size)
    design, loaded = load_network(teacher.design, teacher.controls, cores or teacher.cores)
    wanted = unfolded_cores(design, loaded)
    ideal = fabricate(teacher.design, NoiseModel(), 0, dtype=np.float64, threads=threads)
    pairs = []
    for role, n in enumerate((N_COPIED, N_COMPARED, N_COMPARED)):
        inputs = teacher.draw(n, np.random.default_rng([0, role]))
        outputs = ideal.measure(teacher.controls[None], inputs)[0]
        pairs.append(Pairs(inputs, outputs.astype(np.float64)))
    rows = []
    jobs = [(seed, method) for seed in chip_seeds for method in methods]
    console = Console(stderr=True, quiet=quiet)
    for seed, method in track(jobs, "mapping", console=console, transient=True):
        chip = fabricate(design, noise, seed, threads=threads)
        controls, inferences = loaded, 0
        if method == "compensated":
            controls = compensate(chip, loaded)
        elif method == "calibrated":
            objective = RegressionObjective(pairs[0], pairs[1], pairs[2], _BATCH_SIZE, seed)
            controls, inferences = _calibrate(chip, objective, loaded, max_inferences, seed)
        elif method == "self-calibrated":
            controls, inferences = _self_calibrated(chip, loaded, seed)
        rows.append(
            MappedRow(
                chip_seed=seed,
                method=method,
                fidelity=core_fidelity(chip, controls, wanted),
                output_error=relative_error(chip, controls, pairs[2]),
                task_error=None if teacher.task_error is None else teacher.task_error(chip, controls),
                inferences=inferences,
            )
        )
    return rows


def _blocks(design: NetworkDesign, size: int) -> list[Core]:
    """Meshes in blocks of a size for every layer, of its own topology where it has one."""
    cores = (layer.core for layer in design.layers)
    return [(core if isinstance(core, Meshes) else Meshes()).sized(size) for core in cores]


def _calibrate(
    chip: Chip, objective: RegressionObjective, start: FloatArray, max_inferences: int, seed: int
) -> tuple[FloatArray, int]:
    method = get_method("gauss-newton")
    optimizer = method.make(start_on(chip, start), _OPTIONS, np.random.default_rng([seed, 1]))
    limits = Limits(max_inferences=max_inferences, target_error=None)
    run = TrainingRun(chip, objective, optimizer, limits)
    run.train()
    return optimizer.controls, run.inferences


def _self_calibrated(chip: Chip, loaded: FloatArray, seed: int) -> tuple[FloatArray, int]:
    found = calibrate(chip, seed=seed)
    if found.refused:
        number, reason = next(iter(found.refused.items()))
        raise UsageError(f"layer {number} of {chip.design.name} cannot calibrate itself: {reason}")
    return load_on_model(found.model, loaded, seed), found.inferences


def table_of(rows: Sequence[MappedRow]) -> Table:
    """Median and range over the chips, a line a method."""
    table = Table(box=None, pad_edge=False)
    for column in ("method", "fidelity of cores", "error of outputs", "error of task", "inferences"):
        table.add_column(column)
    for method in METHODS:
        own = [row for row in rows if row.method == method]
        if not own:
            continue
        table.add_row(
            method,
            _spread([row.fidelity for row in own], "{:.5f}"),
            _spread([row.output_error for row in own], "{:.2e}"),
            _spread([row.task_error for row in own if row.task_error is not None], "{:.2e}"),
            f"{int(np.median([row.inferences for row in own])):,}",
        )
    return table


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return "-"
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return form.format(middle) + f" ({form.format(low)} to {form.format(high)})"


def as_json(teacher: Teacher, noise: str, rows: Sequence[MappedRow]) -> dict[str, Any]:
    """Everything as one object."""
    return {"source": teacher.name, "noise": noise, "rows": [asdict(row) for row in rows]}

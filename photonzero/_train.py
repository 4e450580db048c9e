"""The front door of training: one call that trains, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from photonzero._notebook import html_table
from photonzero.experiments.drawing import run_figures
from photonzero.experiments.drawing.style import picture
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import of_python
from photonzero.experiments.run import api
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.experiments.run.folder import new_folder
from photonzero.experiments.run.runs import Outcome, load_outcome
from photonzero.training.classification import Dataset
from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE
from photonzero.training.trainer import HISTORY_COLUMNS, Callback


class Run:
    """A training: what was trained, how it went, and the chip as it is now.

    Made by `train` and `load_run`.

    Attributes:
        config: everything that the run depends on.
        chip: what was trained; the first of several.
        controls: (n_controls,) what it was trained to.
        stop: reasons why it ended, by name.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.config = outcome.parts.config
        self.chip = outcome.parts.chip
        self.controls: Array = outcome.run.optimizer.controls
        self.stop: Mapping[str, str] = outcome.stop

    @property
    def problem(self) -> PDE | Dataset:
        """The PDE that was solved, or the dataset that was learned."""
        objective = self._outcome.parts.objective
        return getattr(objective, "problem", None) or getattr(objective, "data")  # noqa: B009

    @property
    def result(self) -> dict[str, Any]:
        """What result.json holds: errors, inferences, time and energy on the chip, versions."""
        return self._outcome.result

    @property
    def test_error(self) -> float:
        """Error on test points that nothing else uses, measured once at the end.

        Of a PDE the relative l2 error, NaN without an exact solution; of a dataset the share of wrong
        answers.
        """
        if "test_accuracy" in self.result:
            return 1.0 - self.result["test_accuracy"]
        error = self.result["rel_l2"]
        return float("nan") if error is None else error

    @property
    def history(self) -> npt.NDArray[Any]:
        """A record a step (n_steps,), with the fields step, inferences, loss, validation_error, wall_s.

        ``history["loss"]`` is a column, and ``pandas.DataFrame(history)`` the whole as a table.
        """
        return self._outcome.run.named_history()

    @one_blas_thread()
    def predict(self, points: npt.ArrayLike) -> Array:
        """What the trained chip answers: one measurement, with the chip's noise.

        Args:
            points: (N, d) points of the PDE's domain or inputs of the dataset, or a single one (d,).

        Returns:
            (N, m) the solution u of a PDE, or (N,) classes; without the first axis for a single point.

        Raises:
            UsageError: another number of coordinates.
            PhotonicsError: NaN or infinity.
        """
        rows = np.atleast_2d(np.asarray(points, dtype=np.float64))
        objective, oracle = self._outcome.parts.objective, self._outcome.run.checking
        dim = self.config.task.sizes_of(objective)[0]
        if rows.ndim != 2 or rows.shape[1] != dim:
            raise UsageError(f"points: shape {np.shape(points)}; allowed: (N, {dim}) or ({dim},)")
        answers = self.config.task.answer(objective, oracle, self.controls, rows)
        return answers[0] if np.ndim(points) == 1 else answers

    def plot(self, figure: Figure | None = None) -> Figure:
        """Loss and error against inferences, and the solution or the answers on test points.

        Args:
            figure: to draw on, such as ``plt.figure()``; None makes one that a notebook shows, and whose
                ``savefig`` writes a file.
        """
        task, outcome = self.config.task, self._outcome
        last = task.panel(outcome.parts.objective, outcome.run.checking, self.controls)
        history = np.array(outcome.run.history).reshape(-1, len(HISTORY_COLUMNS))
        with picture(9.0, 2.8) as drawn:
            labels = (task.loss_label, task.error_label)
            run_figures.draw_summary(figure or drawn, self.config.title, history, labels, last)
        return figure or drawn

    def save(self, folder: str | Path) -> Path:
        """Write a run folder as the command does; `load_run` and ``photonzero report`` read it.

        Args:
            folder: new, or without a run.

        Raises:
            UsageError: it holds a run, or cannot be written.
        """
        path = new_folder(Path(folder), self.config.task.label)
        self._outcome.save(path)
        return path

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self._facts().items())
        return f"<Run: {facts}>"

    def _repr_html_(self) -> str:
        return html_table(self._facts())

    def _facts(self) -> dict[str, Any]:
        c, result = self.config, self.result
        name = "test_accuracy" if "test_accuracy" in result else "rel_l2"
        error = result[name]
        return {
            "problem": c.task.label,
            "chip": c.chip_name,
            "noise": c.noise.name,
            "optimizer": c.optimizer.label,
            "seed": c.seed,
            name: "unknown" if error is None else f"{error:.3g}",
            "inferences": f"{result['inferences']:,}",
            "steps": result["steps"],
            "stopped by": ", ".join(self.stop),
        }


def train(
    problem: Any,
    *,
    chip: Any = None,
    noise: Any = None,
    optimizer: Any = None,
    derivatives: Any = None,
    max_inferences: int | None = None,
    max_steps: int | None = None,
    target_error: float | None = None,
    seed: int | None = None,
    data: str | Path | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
    callbacks: Sequence[Callback | str] = (),
    **settings: Any,
) -> Run:
    """Train a chip on a problem, as ``photonzero train`` does: same presets, same bits.

    Args:
        problem: name of a PDE or a dataset, "file.py:Class", a `PDE` or its class, or a `Dataset`.
        chip: name of a design, a TOML file with one, "file.py:Name", a design, or an object or a class with
            `n_controls`, `control_groups` and `measure`; None takes the problem's.
        noise: preset, TOML file or `NoiseModel`; None takes "published", and nothing for a chip of one's own
            that takes none.
        optimizer: name, "file.py:Name", or a class or function that makes one; None takes "gauss-newton".
        derivatives: name of a stencil rule; None takes the problem's.
        max_inferences: budget of optical inferences; None takes the problem's.
        max_steps: steps of the optimizer at most.
        target_error: validation error to stop at.
        seed: of training, and of the chip; 0 without one.
        data: folder of the files of a dataset that needs them.
        out: new run folder that is kept up to date all the while, so that a killed run can be resumed; None
            keeps everything in memory.
        threads: of the simulator, None for all processors; no effect on results.
        callbacks: called after every step with `photonzero.training.trainer.Progress`.
        **settings: any key of config.toml: ``batch_size=200``, or ``**{"optimizer.n_directions": 6}``.

    Raises:
        UsageError: an unknown name or key, parts that do not fit together, a folder that holds a run.
        DeviceError, PhotonicsError, TrainingError: a value out of range, or an answer that cannot be used.
    """
    config = api.configured(
        problem,
        chip=chip,
        noise=noise,
        optimizer=optimizer,
        derivatives=derivatives,
        max_inferences=max_inferences,
        max_steps=max_steps,
        target_error=target_error,
        seed=seed,
        data=data,
        settings=of_python(settings),
    )
    return Run(api.run(config, out=out, threads=threads, callbacks=callbacks))


def load_run(folder: str | Path, *, threads: int | None = None) -> Run:
    """A run as its folder holds it, its chip in the state after the last step.

    Args:
        folder: of the run.
        threads: of the simulator, None for all processors; no effect on results.

    Raises:
        UsageError: no run there.
        CheckpointError: no usable checkpoint there.
    """
    return Run(load_outcome(Path(folder), threads))

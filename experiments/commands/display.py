"""What the terminal shows: progress, summaries, lists."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from photonzero.devices.noise_model import PRESETS
from photonzero.experiments.config.run_config import RunConfig
from photonzero.photonics.designs import design_names, get_design
from photonzero.photonics.mesh.topologies import TOPOLOGIES
from photonzero.training import trainer
from photonzero.training.optimizers import get_method, optimizer_names
from photonzero.training.problems import PROBLEMS, get_problem
from photonzero.training.stencils import RULES


class TrainingDisplay:
    """A progress bar: inferences, rate, loss, error, time left.

    Args:
        config: what is run.
        folder: where.
        quiet: show nothing.
    """

    def __init__(self, config: RunConfig, folder: Path, quiet: bool) -> None:
        # Progress goes to stderr: stdout is for results.
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._stdout = Console(highlight=False)
        self._config = config
        self._folder = folder
        self._first: tuple[int, float] | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> TrainingDisplay:
        c = self._config
        self._console.print(
            f"{c.problem} on {c.chip}, {c.noise_name} noise, {c.optimizer}, "
            f"{c.derivatives} derivatives, seed {c.seed} -> {self._folder}",
            markup=False,
            soft_wrap=True,
        )
        self._progress.start()
        self._task = self._progress.add_task(
            "compiling", total=c.limits.max_inferences, figures="first start only"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def update(self, progress: trainer.Progress) -> None:
        """Show the state after a step."""
        if self._first is None:
            self._first = (progress.inferences, progress.wall_s)
        inferences, wall_s = self._first
        elapsed = progress.wall_s - wall_s
        rate = (progress.inferences - inferences) / elapsed if elapsed > 0 else 0.0
        figures = (
            f"{progress.inferences:.3g} inferences  {rate:.2g}/s  "
            f"loss {progress.loss:.2e}  error {progress.validation_error:.2e}"
        )
        self._progress.update(
            self._task,
            description=f"step {progress.step}",
            completed=progress.inferences,
            figures=figures,
        )

    def summary(self, result: dict[str, Any]) -> None:
        """Print the result of a run on stdout."""
        reasons = ", ".join(result["stop"])
        error = result.get("rel_l2")
        if "test_accuracy" in result:
            found = f"test accuracy {result['test_accuracy']:.1%}"
        elif error is None:
            found = "no rel_l2, as no exact solution is known,"
        else:
            found = f"rel_l2 {error:.2e}"
        self._stdout.print(
            f"{found} after {result['inferences']:,} inferences, "
            f"{result['steps']} steps, {result['wall_s']:.1f} s; stopped by {reasons}",
            markup=False,
            soft_wrap=True,
        )
        self._stdout.print(f"everything is in {self._folder}", markup=False, soft_wrap=True)


def print_names() -> None:
    """All names the command knows, as one table."""
    # Studies load whatever they measure, which a training's display does not need.
    from photonzero.experiments.studies.registry import STUDIES

    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    table.add_column("name")
    table.add_column("what it is")
    for name in PROBLEMS:
        table.add_row("problem", name, _first_line(type(get_problem(name))))
    table.add_row("problem", "digits", "Handwritten digits of 8 x 8 pixels, to classify (extra digits).")
    table.add_row("problem", "mnist", "Handwritten digits of 28 x 28 pixels, to classify (--data DIR).")
    for name in design_names():
        table.add_row("chip", name, get_design(name).description)
    for name in TOPOLOGIES:
        table.add_row("topology", name, _first_line(TOPOLOGIES.get(name)))
    for name, noise in PRESETS.items():
        table.add_row("noise", name, noise.describe())
    for name in optimizer_names():
        table.add_row("optimizer", name, get_method(name).summary)
    for name in RULES:
        table.add_row("derivatives", name, RULES.get(name).summary)
    for name in STUDIES:
        table.add_row("study", name, STUDIES.get(name).summary)
    Console(highlight=False).print(table)


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").splitlines()[0].replace("``", "")

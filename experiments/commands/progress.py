"""What the terminal shows of a training: progress, and a summary."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from photonzero.experiments.config.run_config import RunConfig
from photonzero.training import trainer


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
        how = c.optimizer.label if c.own.rule == "none" else f"{c.optimizer.label}, {c.own.rule} derivatives"
        self._console.print(
            f"{c.task.name} on {c.chip_name}, {c.noise.name} noise, {how}, seed {c.seed} -> {self._folder}",
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
        null = result.get("null", {})
        if null.get("zero") is not None:
            frozen = null.get("frozen")
            said = null.get("frozen_how", "not measured") if frozen is None else f"{frozen:.2e}"
            self._stdout.print(
                f"to compare: {null['zero']:.2e} of the network at zero; frozen optics: {said}",
                markup=False,
                soft_wrap=True,
            )
        self._stdout.print(f"everything is in {self._folder}", markup=False, soft_wrap=True)

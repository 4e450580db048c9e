"""Curves and controls for TensorBoard, over optical inferences."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

from photonzero.training.callbacks.base import Progress
from photonzero.training.errors import ArgumentError


class TensorBoard:
    """Writes ``tensorboard/`` into a run's folder: loss, validation error, and a histogram of all controls.

    TensorBoard's steps are inferences here, the currency of every comparison.

    Args:
        folder: folder of the run.
        controls_every: steps from one histogram of the controls to the next.

    Raises:
        ArgumentError: tensorboardX is not installed.
    """

    def __init__(self, folder: Path, controls_every: int = 10) -> None:
        try:
            self._library: Any = import_module("tensorboardX")
        except ImportError as error:
            raise ArgumentError(
                "callback: tensorboardX is not installed; allowed: pip install 'photonzero[tensorboard]'"
            ) from error
        self._folder, self._controls_every = folder / "tensorboard", controls_every
        self._writer: Any = None

    def __call__(self, progress: Progress) -> None:
        """Write what a step came to."""
        at = progress.inferences
        if self._writer is None:
            # What an interrupted part has written behind its checkpoint is not shown.
            self._writer = self._library.SummaryWriter(str(self._folder), purge_step=at)
        for name, value in (("loss", progress.loss), ("validation_error", progress.validation_error)):
            if math.isfinite(value):
                self._writer.add_scalar(name, value, at)
        if progress.step % self._controls_every == 0:
            self._writer.add_histogram("controls", progress.controls, at)

    def close(self) -> None:
        """Close the file of events."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

"""What every callback promises: it looks on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from photonzero.training.callbacks import CALLBACKS, Callback
from photonzero.training.callbacks.registry import as_callback_maker
from photonzero.training.testing.optimizers import lab_run, through_a_file
from photonzero.training.trainer import TrainingRun


class CallbackContract:
    """Inherit it, and say which callback is meant.

        class TestMine(CallbackContract):
            callback = "my.py:Mine"

    Attributes:
        callback: a name, ``file.py:Name``, or a class.
    """

    callback: ClassVar[str | type[Any]]

    def make(self, folder: Path) -> Callback:
        """The callback of a run."""
        if isinstance(self.callback, str):
            return CALLBACKS.get(self.callback)(folder)
        return as_callback_maker("under test", self.callback)(folder)

    @contextmanager
    def made(self) -> Iterator[Callback]:
        """The callback of a run in a folder that goes away."""
        with tempfile.TemporaryDirectory() as folder:
            yield self.make(Path(folder))

    def test_it_changes_nothing(self) -> None:
        """The same bits with it as without."""
        alone = _run()
        alone.train()
        with self.made() as callback:
            watched = _run(callback)
            watched.train()
        np.testing.assert_array_equal(watched.optimizer.controls, alone.optimizer.controls)
        assert [row[:4] for row in watched.history] == [row[:4] for row in alone.history]

    def test_a_training_may_go_on_after_it_was_closed(self) -> None:
        """Limits are raised, and the same callback sees the next steps."""
        with self.made() as callback:
            run = _run(callback)
            run.train()
            run.limits = _run(steps=6).limits
            run.train()
            assert len(run.history) == 6

    def test_it_sees_a_resumed_training(self) -> None:
        """A callback that is made anew, in the folder of the first part."""
        with tempfile.TemporaryDirectory() as folder:
            first = _run(self.make(Path(folder)))
            first.train()
            second = _run(self.make(Path(folder)), steps=6)
            second.restore(through_a_file(first.checkpoint()))
            second.train()
            assert len(second.history) == 6


def _run(*callbacks: Callback, steps: int = 3) -> TrainingRun:
    run = lab_run("rge-adam", {"n_directions": 4}, max_steps=steps)
    run.callbacks = callbacks
    return run

"""What every optimizer promises, on a chip that training knows nothing about."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np

from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.errors import CheckpointError, MeasurementError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import Candidates, Method, Optimizer, get_method, start_on
from photonzero.training.optimizers.registry import as_method
from photonzero.training.oracle import Array, Inputs
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule
from photonzero.training.testing.chips import LabChip, ReadoutLabChip
from photonzero.training.testing.expecting import expected
from photonzero.training.trainer import Limits, TrainingRun

COST = 30 * 7
"""Inferences of a setting: collocation points times nodes of central differences in three dimensions."""


class OptimizerContract:
    """Inherit it, and say which optimizer is meant.

        class TestMine(OptimizerContract):
            method = "my.py:Mine"
            options = {"length": 0.1}

    Attributes:
        method: a name, ``file.py:Name``, a class or a `Method`.
        options: changes to its settings, if the defaults do not suit a chip of 25 controls.
        max_inferences: of the training that has to succeed.
        improvement: largest factor that is left of the error then.
    """

    method: ClassVar[str | type[Any] | Method]
    options: ClassVar[Mapping[str, Any]] = {}
    max_inferences: ClassVar[int] = 400_000
    improvement: ClassVar[float] = 0.5

    def make_run(self, chip: LabChip | None = None, **limits: Any) -> TrainingRun:
        """A training of it on a lab chip."""
        return lab_run(self.method, self.options, chip, **limits)

    def test_it_trains_a_lab_chip(self) -> None:
        """The error falls within the budget."""
        run = self.make_run(max_inferences=self.max_inferences)
        before = run.objective.validation_error(run.oracle, run.optimizer.controls)
        run.train()
        assert run.history[-1][3] < self.improvement * before

    def test_it_asks_for_settings_of_the_chip(self) -> None:
        """Populations (P, n_controls) of finite numbers; steps are counted one by one."""
        run = self.make_run(max_steps=3)
        asked = watched(run)
        run.train()
        assert all(a.controls.ndim == 2 and len(a.controls) > 0 for a in asked)
        assert all(a.controls.shape[1] == run.oracle.n_controls for a in asked)
        assert all(np.isfinite(a.controls).all() for a in asked)
        assert asked[0].fresh_points, "the first candidates have no batch yet"
        assert [row[0] for row in run.history] == [1, 2, 3]
        assert run.optimizer.controls.shape == (run.oracle.n_controls,)
        assert np.isfinite(run.optimizer.controls).all()

    def test_it_starts_where_it_is_told_and_leaves_that_alone(self) -> None:
        """Training moves its own controls, not the caller's."""
        chip = LabChip()
        method = method_of(self.method)
        start = np.random.default_rng(2).standard_normal(chip.n_controls)
        before = start.copy()
        optimizer = method.make(
            start_on(chip, start), method.options(**self.options), np.random.default_rng(3)
        )
        grid = chip.control_groups["heaters"].grid_step
        assert np.abs(optimizer.controls - start).max() <= grid, "it may round to whole codes, not more"
        run = TrainingRun(chip, lab_objective(), optimizer, Limits(max_steps=2))
        run.train()
        np.testing.assert_array_equal(start, before)

    def test_metering_is_what_it_asks_for(self) -> None:
        """The meter counts settings times inputs, and the chip's own count agrees."""
        chip = LabChip()
        run = self.make_run(chip, max_steps=3)
        asked = watched(run)
        run.train()
        factors: list[int] = []
        for candidates in asked:
            factors.append(candidates.batch_factor if candidates.fresh_points else factors[-1])
        settings = [len(candidates.controls) for candidates in asked]
        assert run.settings == sum(settings)
        assert run.inferences == COST * sum(p * f for p, f in zip(settings, factors, strict=True))
        assert run.inferences_validation == 3 * 1000
        assert chip.presented == run.inferences + run.inferences_validation

    def test_the_budget_is_never_exceeded(self) -> None:
        """Whatever the budget, one that no step fits in included."""
        for budget in (1, 10 * COST - 1, 30 * COST):
            run = self.make_run(max_inferences=budget)
            assert "max_inferences" in run.train()
            assert run.inferences <= budget

    def test_resume_equals_the_straight_run(self) -> None:
        """To the bit, through a file; with and without noise, with and without a readout."""
        for make_chip in (LabChip, lambda: LabChip(noise=1e-3), lambda: ReadoutLabChip(noise=1e-3)):
            assert_resumes(lambda n, make=make_chip: self.make_run(make(), max_steps=n), 2, 6)

    def test_a_checkpoint_from_before_the_first_step_continues(self) -> None:
        """An interruption may come at once."""
        straight, first, second = (self.make_run(max_steps=n) for n in (2, 2, 2))
        straight.train()
        second.restore(through_a_file(first.checkpoint()))
        second.train()
        np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)

    def test_a_faulty_oracle_leaves_the_last_good_step(self) -> None:
        """NaN, wrong shapes and late answers drop the step in progress, and no other."""
        straight = self.make_run(max_steps=5)
        straight.train()
        for fault in FAULTS:
            broken = self.make_run(self.faulty_chip(fault), max_steps=5)
            with expected(MeasurementError, f"the ninth measurement: {fault}"):
                broken.train()
            again = self.make_run(max_steps=5)
            again.restore(broken.checkpoint())
            again.train()
            np.testing.assert_array_equal(again.optimizer.controls, straight.optimizer.controls)

    def faulty_chip(self, fault: str) -> Any:
        """A lab chip one of whose measurements fails, within five steps and not in the first."""
        return FaultyLabChip(fault)

    def test_same_seed_same_bits_in_a_fresh_process(self) -> None:
        """Nothing depends on what ran before."""
        run = self.make_run(max_steps=2)
        run.train()
        assert self.bits_of_a_fresh_process() == run.optimizer.controls.tobytes().hex()

    def bits_of_a_fresh_process(self) -> str:
        """The controls after two steps in another process, as hexadecimal text."""
        method = self.method
        if isinstance(method, Method):
            raise SkipTest("a Method has no name by which another process could find it")
        name = method if isinstance(method, str) else f"{inspect.getfile(method)}:{method.__qualname__}"
        return bits_in_a_fresh_process({name: self.options})[name]

    def test_a_checkpoint_of_another_optimizer_is_refused(self) -> None:
        """In one line, and before anything is measured."""
        own = method_of(self.method)
        for name in ("rge-adam", "gauss-newton", "sparse-coordinate"):
            if get_method(name) is not own:
                other = lab_run(name, {}, max_steps=1)
                with expected(CheckpointError, f"a checkpoint of {name}"):
                    self.make_run(max_steps=1).restore(other.checkpoint())

    def test_limits_stop_with_a_reason(self) -> None:
        """Steps and the error that was wanted."""
        assert "max_steps" in self.make_run(max_steps=1).train()
        assert "target_error" in self.make_run(target_error=1e9).train()


FAULTS = ("NaN", "wrong shape", "late")


class FaultyLabChip(LabChip):
    """A `LabChip` whose ninth measurement fails.

    Args:
        fault: one of `FAULTS`.
    """

    def __init__(self, fault: str) -> None:
        super().__init__()
        self._fault, self._n_calls = fault, 0

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """As of `LabChip`, but for the ninth."""
        answer = super().measure(controls, inputs)
        self._n_calls += 1
        if self._n_calls != 9:
            return answer
        if self._fault == "late":
            raise TimeoutError("late")
        return answer[:, 1:] if self._fault == "wrong shape" else np.full_like(answer, np.nan)


def method_of(method: str | type[Any] | Method) -> Method:
    """The method that a contract's `method` means."""
    return get_method(method) if isinstance(method, str) else as_method("under test", method)


def lab_objective(spacing: float = 0.1) -> PinnObjective:
    """The task of `lab_run`: a Hamilton-Jacobi-Bellman equation in two dimensions and time."""
    return PinnObjective(get_problem("hjb2"), make_rule("central", spacing=spacing), 30, seed=1)


def lab_run(
    method: str | type[Any] | Method,
    options: Mapping[str, Any],
    chip: LabChip | None = None,
    **limits: Any,
) -> TrainingRun:
    """A training of a lab chip.

    Args:
        method: see `OptimizerContract`.
        options: changes to its settings.
        chip: None for a `LabChip`.
        **limits: see `Limits`.
    """
    chip = chip or LabChip()
    made = method_of(method)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = made.make(start_on(chip, x), made.options(**options), np.random.default_rng(3))
    return TrainingRun(chip, lab_objective(), optimizer, Limits(**limits))


def assert_resumes(make_run: Callable[[int], TrainingRun], at: int, end: int) -> None:
    """That a training goes on from a file as if it had never stopped, to the bit.

    Args:
        make_run: a fresh one of so many steps.
        at: steps until it stops.
        end: steps in all.
    """
    straight, first, second = make_run(end), make_run(at), make_run(end)
    straight.train()
    first.train()
    second.restore(through_a_file(first.checkpoint()))
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert [row[:4] for row in second.history] == [row[:4] for row in straight.history]
    assert second.inferences == straight.inferences
    assert second.inferences_validation == straight.inferences_validation
    assert second.layer_inferences == straight.layer_inferences


def watched(run: TrainingRun) -> list[Candidates]:
    """All that its optimizer will ask for, in order."""
    watcher: Any = _Watched(run.optimizer)
    run.optimizer = watcher
    return watcher.asked


class _Watched:
    """An optimizer, and all that it has asked for."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.inner, self.asked = optimizer, list[Candidates]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def ask(self) -> Candidates:
        self.asked.append(self.inner.ask())
        return self.asked[-1]


def through_a_file(state: Mapping[str, Array]) -> dict[str, Array]:
    """A checkpoint, written and read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.npz"
        save_checkpoint(path, "contract", state)
        return load_checkpoint(path, "contract")


def bits_in_a_fresh_process(options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Controls after two steps of `lab_run`, as hexadecimal text, from one other process.

    Args:
        options: of each method, by its name.
    """
    code = (
        "import json, sys\n"
        "from photonzero.training.testing.optimizers import lab_run\n"
        "for name, options in json.load(sys.stdin).items():\n"
        "    run = lab_run(name, options, max_steps=2); run.train()\n"
        "    print(json.dumps([name, run.optimizer.controls.tobytes().hex()]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({name: dict(own) for name, own in options.items()}),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(line) for line in answer.stdout.splitlines())

"""What every optimizer promises, on a chip that training knows nothing about."""

import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import LabChip
from training.checkpoint import load_checkpoint, save_checkpoint
from training.errors import CheckpointError, MeasurementError
from training.objective import PinnObjective
from training.optimizers import (
    GaussNewtonOptions,
    RgeAdam,
    RgeAdamOptions,
    SubspaceGaussNewton,
    start_on,
)
from training.problems import HJB
from training.stencils import make_rule
from training.trainer import Limits, TrainingRun

METHODS = {
    "gauss-newton": lambda start, rng: SubspaceGaussNewton(start, GaussNewtonOptions(n_directions=4), rng),
    "rge-adam": lambda start, rng: RgeAdam(start, RgeAdamOptions(n_directions=4), rng),
}
COST = 30 * 7  # collocation points times nodes of central differences in three dimensions


def make_run(name, chip=None, **limits):
    chip = chip or LabChip()
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    method = METHODS[name](start_on(chip, x), np.random.default_rng(3))
    return TrainingRun(chip, objective, method, Limits(**limits))


@pytest.fixture(params=sorted(METHODS))
def name(request):
    return request.param


def test_it_trains_a_lab_chip(name):
    run = make_run(name, max_inferences=400_000)
    before = run.objective.validation_error(run.oracle, run.optimizer.controls)
    run.train()
    assert run.history[-1][3] < 0.5 * before


def test_metering_on_paper(name):
    chip = LabChip()
    run = make_run(name, chip, max_steps=3)
    run.train()
    per_step = {"gauss-newton": 4 + 1 + 5, "rge-adam": 2 * 4}[name]
    first = {"gauss-newton": 1, "rge-adam": 0}[name]
    assert run.settings == first + 3 * per_step
    assert run.inferences == (first + 3 * per_step) * COST
    assert run.inferences_validation == 3 * 1000
    assert chip.presented == run.inferences + run.inferences_validation


def test_the_budget_is_never_exceeded(name):
    for budget in (1, 10 * COST - 1, 30 * COST):
        run = make_run(name, max_inferences=budget)
        assert "max_inferences" in run.train()
        assert run.inferences <= budget


def test_resume_equals_the_straight_run(name, tmp_path):
    straight = make_run(name, max_steps=6)
    straight.train()
    first = make_run(name, max_steps=2)
    first.train()
    save_checkpoint(tmp_path / "c.npz", "run", first.checkpoint())
    second = make_run(name, max_steps=6)
    second.restore(load_checkpoint(tmp_path / "c.npz", "run"))
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert [row[:4] for row in second.history] == [row[:4] for row in straight.history]
    assert second.inferences == straight.inferences
    assert second.inferences_validation == straight.inferences_validation


def test_an_interrupted_step_is_dropped_not_half_kept(name):
    straight = make_run(name, max_steps=5)
    straight.train()

    class Failing(LabChip):
        calls = 0

        def measure(self, controls, inputs):
            self.calls += 1
            answer = super().measure(controls, inputs)
            return np.full_like(answer, np.nan) if self.calls == 9 else answer

    broken = make_run(name, Failing(), max_steps=5)
    with pytest.raises(MeasurementError, match="NaN or infinity"):
        broken.train()
    assert 0 < broken.optimizer.n_steps < 5
    again = make_run(name, max_steps=5)
    again.restore(broken.checkpoint())
    again.train()
    np.testing.assert_array_equal(again.optimizer.controls, straight.optimizer.controls)


def test_same_seed_same_bits_in_a_fresh_process(name):
    code = (
        "import sys; from tests.contracts.test_optimizers import make_run\n"
        f"run = make_run({name!r}, max_steps=2); run.train()\n"
        "sys.stdout.write(run.optimizer.controls.tobytes().hex())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run = make_run(name, max_steps=2)
    run.train()
    assert answer.stdout == run.optimizer.controls.tobytes().hex()


def test_a_checkpoint_of_another_optimizer_is_refused(name):
    other = next(n for n in METHODS if n != name)
    run = make_run(other, max_steps=1)
    run.train()
    with pytest.raises(CheckpointError, match="cannot be read"):
        make_run(name, max_steps=1).restore(run.checkpoint())


def test_target_error_and_steps_stop_with_a_reason(name):
    assert "max_steps" in make_run(name, max_steps=1).train()
    assert "target_error" in make_run(name, target_error=1e9).train()

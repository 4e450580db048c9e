"""What every optimizer promises, on a chip that training knows nothing about."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.errors import ArgumentError, CheckpointError, MeasurementError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import Candidates, get_method, optimizer_names, start_on
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip

# A small form of every registered method, and what a step costs on paper: the first step's settings, then
# those of all others, in settings measured.
SMALL = {
    "gauss-newton": ({"n_directions": 4}, 2, 4 + 1 + 5),
    "recursive-gauss-newton": ({"trial_batch_factor": 1}, 0, 1 + 25 + 1 + 4),
    "rge-adam": ({"n_directions": 4}, 0, 2 * 4),
    "rge-sgd": ({"n_directions": 4}, 0, 2 * 4),
    "sign-sgd": ({"n_directions": 4}, 0, 4 + 1),
    "zo-adamm": ({"n_directions": 4}, 0, 4 + 1),
    "coordinate": ({"n_directions": 4}, 0, 2 * 4),
    "hybrid": ({"n_directions": 4, "patience": 2}, 0, 2 * 4),
    "groupwise": ({"n_directions": 2}, 0, 2 * 2 * 3),
    "flops": ({"n_directions": 4, "learning_rate": 0.001}, 0, 4 + 1),
    "spsa": ({"learning_rate": 0.001}, 0, 2),
    "sparse-coordinate": ({"n_coordinates": 4}, 0, 4 + 1),
    "cma-es": ({"population": 8, "diagonal": False}, 0, 8),
    "nevergrad": ({"population": 8}, 0, 8),
}
PACKAGES = {"cma-es": "cma", "nevergrad": "nevergrad"}


def is_here(name):
    return name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None


COST = 30 * 7  # collocation points times nodes of central differences in three dimensions


def make_run(name, chip=None, **limits):
    chip = chip or LabChip()
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    method = get_method(name)
    options = method.options(**SMALL[name][0])
    optimizer = method.make(start_on(chip, x), options, np.random.default_rng(3))
    return TrainingRun(chip, objective, optimizer, Limits(**limits))


@pytest.fixture(params=optimizer_names())
def name(request):
    if not is_here(request.param):
        pytest.skip(f"{PACKAGES[request.param]} is an extra that is not installed")
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
    _, first, per_step = SMALL[name]
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


@pytest.fixture(scope="module")
def in_a_fresh_process():
    """Controls after two steps of every method, from one other process."""
    code = (
        "from tests.contracts.test_optimizers import *\n"
        "for name in filter(is_here, optimizer_names()):\n"
        "    run = make_run(name, max_steps=2); run.train()\n"
        "    print(name, run.optimizer.controls.tobytes().hex())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(line.split() for line in answer.stdout.splitlines())


def test_same_seed_same_bits_in_a_fresh_process(name, in_a_fresh_process):
    run = make_run(name, max_steps=2)
    run.train()
    assert in_a_fresh_process[name] == run.optimizer.controls.tobytes().hex()


def test_a_checkpoint_of_any_other_optimizer_is_refused(name):
    for other in filter(is_here, optimizer_names()):
        if other != name:
            run = make_run(other, max_steps=1)
            with pytest.raises(CheckpointError, match="cannot be read"):
                make_run(name, max_steps=1).restore(run.checkpoint())


class Faulty(LabChip):
    """Answers wrongly from the ninth measurement on."""

    def __init__(self, fault):
        super().__init__()
        self._fault, self._calls = fault, 0

    def measure(self, controls, inputs):
        answer = super().measure(controls, inputs)
        self._calls += 1
        return answer if self._calls < 9 else self._fault(answer)


def raise_(error):
    raise error


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda answer: answer[:, 1:], MeasurementError),
        (lambda answer: raise_(TimeoutError("late")), MeasurementError),
    ],
)
def test_a_faulty_oracle_leaves_the_last_good_step(name, fault, error):
    straight = make_run(name, max_steps=5)
    straight.train()
    broken = make_run(name, Faulty(fault), max_steps=5)
    with pytest.raises(error):
        broken.train()
    again = make_run(name, max_steps=5)
    again.restore(broken.checkpoint())
    again.train()
    np.testing.assert_array_equal(again.optimizer.controls, straight.optimizer.controls)


def test_target_error_and_steps_stop_with_a_reason(name):
    assert "max_steps" in make_run(name, max_steps=1).train()
    assert "target_error" in make_run(name, target_error=1e9).train()


class Scripted:
    """An optimizer whose losses are given; the objective's errors are too."""

    needs = "loss"

    def __init__(self, losses):
        self._losses, self.n_steps, self.controls = losses, 0, np.zeros(25)

    @property
    def loss(self):
        return self._losses[self.n_steps - 1] if self.n_steps else np.inf

    def ask(self):
        return Candidates(self.controls[None], True, "scripted")

    def tell(self, evaluation):
        self.n_steps += 1

    def stop(self):
        return {}

    def state(self):
        return {}


def scripted_run(losses, errors, **limits):
    run = make_run("rge-adam", max_steps=len(losses), **limits)
    run.optimizer = Scripted(losses)
    answers = iter(errors)
    run.objective.validation_error = lambda oracle, controls: next(answers)
    return run, run.train()


def test_a_plateau_stops_with_a_reason():
    run, reasons = scripted_run([1.0] * 9, [0.5, 0.4, 0.41, 0.4, 0.45, 0.3, 0.2, 0.1, 0.05], plateau_steps=3)
    assert "plateau" in reasons
    assert len(run.history) == 5


@pytest.mark.parametrize("last", [np.inf, np.nan, 2e3])
def test_divergence_stops_with_a_reason(last):
    run, reasons = scripted_run([1.0, 500.0, last, 1.0], [0.5] * 4, divergence_factor=1e3)
    assert "diverged" in reasons
    assert len(run.history) == 3


def test_a_first_loss_of_zero_says_nothing_of_divergence():
    run, reasons = scripted_run([0.0, 1e-3, 2e-3, 0.0, 5.0], [0.5] * 5, divergence_factor=1e3)
    assert reasons.keys() == {"diverged", "max_steps"}
    assert [row[2] for row in run.history] == [0.0, 1e-3, 2e-3, 0.0, 5.0]


def test_validation_every_third_step_and_a_plateau_of_what_was_measured():
    run, reasons = scripted_run([1.0] * 12, [0.5, 0.6, 0.4, 0.3], plateau_steps=3, validate_every=3)
    np.testing.assert_array_equal([row[3] for row in run.history], [np.nan, np.nan, 0.5, np.nan, np.nan, 0.6])
    assert list(reasons) == ["plateau"]


def test_callbacks_are_called_in_order_and_may_stop():
    seen = []

    def second(progress):
        seen.append(("second", progress.step))
        return {"enough": "seen it all"} if progress.step == 2 else None

    run = make_run("rge-adam", max_steps=9)
    run.callbacks = [lambda progress: seen.append(("first", progress.step)), second]
    assert run.train() == {"enough": "seen it all"}
    assert seen == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]


@pytest.mark.parametrize(
    "limits",
    [{"plateau_steps": 0}, {"divergence_factor": 1.0}, {"validate_every": 0}, {"answer_timeout_s": 0.0}],
)
def test_bad_limits_are_named(limits):
    with pytest.raises(ArgumentError, match=f"{next(iter(limits))}: "):
        Limits(**limits)

"""The loop: when it stops, what callbacks see, and what limits it takes."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers import Candidates
from photonzero.training.testing.optimizers import lab_run
from photonzero.training.trainer import Limits


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
    run = lab_run("rge-adam", {}, max_steps=len(losses), **limits)
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

    run = lab_run("rge-adam", {}, max_steps=9)
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


def test_named_columns_of_the_history():
    run = lab_run("rge-adam", {}, max_steps=3)
    assert run.named_history().shape == (0,)
    run.train()
    history = run.named_history()
    np.testing.assert_array_equal(history["step"], [1, 2, 3])
    np.testing.assert_array_equal(history["loss"], [row[2] for row in run.history])
    assert history["inferences"].dtype == np.int64


def test_a_checkpoint_holds_the_history_of_its_step_and_no_more():
    run = lab_run("rge-adam", {}, max_steps=3)
    kept = []
    run.callbacks = [lambda progress: kept.append(run.checkpoint())]
    run.train()
    for n, checkpoint in enumerate(kept, start=1):
        np.testing.assert_array_equal(checkpoint["history"], np.array(run.history[:n]))
    assert lab_run("rge-adam", {}).checkpoint()["history"].shape == (0, 5)


def test_what_a_step_keeps_does_not_grow_with_the_steps():
    sizes = []
    for steps in (2, 40):
        run = lab_run("spsa", {"learning_rate": 0.001}, max_steps=steps)
        run.train()
        sizes.append(sum(value.nbytes for value in run._snapshot.values() if value.dtype.kind != "U"))
    assert sizes[0] == sizes[1]


def test_the_state_of_an_adapted_optimizer_shares_the_losses_it_was_told():
    pytest.importorskip("cma")
    run = lab_run("cma-es", {"population": 4}, max_steps=40)
    states = []
    run.callbacks = [lambda progress: states.append(run.optimizer.state()["told"])]
    run.train()
    assert [len(told) for told in states] == list(range(1, 41))
    assert np.shares_memory(states[38], states[39])
    np.testing.assert_array_equal(states[3], states[39][:4])

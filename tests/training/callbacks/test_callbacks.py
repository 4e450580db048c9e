"""Callbacks: what they see, how they are found, and the writers that ship."""

import importlib.util
import struct
import sys

import numpy as np
import pytest

from photonzero.training.callbacks import CALLBACKS, Closes, make_callback
from photonzero.training.errors import ArgumentError
from photonzero.training.testing.optimizers import lab_run, through_a_file


def make_run(*callbacks, steps=3):
    run = lab_run("rge-adam", {"n_directions": 4}, max_steps=steps)
    run.callbacks = callbacks
    return run


def test_it_sees_the_controls_and_cannot_write_to_them():
    seen = []
    run = make_run(lambda progress: seen.append(progress.controls.copy()))
    run.train()
    assert len(seen) == 3
    np.testing.assert_array_equal(seen[-1], run.optimizer.controls)
    assert (seen[0] != seen[1]).any()

    def write(progress):
        progress.controls[0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        make_run(write).train()


class Held:
    open = 0

    def __call__(self, progress):
        self.open = 1
        if progress.step == 2:
            raise KeyboardInterrupt

    def close(self):
        self.open -= 1


def test_it_is_closed_whatever_ended_the_training():
    held = Held()
    assert isinstance(held, Closes)
    with pytest.raises(KeyboardInterrupt):
        make_run(held).train()
    assert held.open == 0


def test_an_answer_that_is_none_of_the_allowed_is_named():
    with pytest.raises(ArgumentError, match="answered True; allowed: None, or reasons"):
        make_run(lambda progress: True).train()


MINE = '''
class Stop:
    """Stops after two steps."""

    def __init__(self, folder):
        self.path = folder / "seen.txt"

    def __call__(self, progress):
        self.path.write_text(str(progress.step))
        return {"enough": "two steps"} if progress.step == 2 else None


class Silent:
    def __call__(self, progress):
        pass


class NoCall:
    pass


class Wants:
    def __init__(self, folder, more):
        pass

    def __call__(self, progress):
        pass


def watch(progress):
    """Stops at once."""
    return {"enough": "one step"}


def wrong():
    pass


number = 3
'''


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path}/mine.py"


def test_one_of_a_users_file(mine, tmp_path):
    assert make_run(make_callback(f"{mine}:Stop", tmp_path)).train() == {"enough": "two steps"}
    assert (tmp_path / "seen.txt").read_text() == "2"
    assert "max_steps" in make_run(make_callback(f"{mine}:Silent", tmp_path)).train()
    assert make_run(make_callback(f"{mine}:watch", tmp_path)).train() == {"enough": "one step"}
    assert CALLBACKS.get(f"{mine}:watch").__doc__ == "Stops at once."
    assert CALLBACKS.get(f"{mine}:Stop").__doc__ == "Stops after two steps."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NoCall", "no method __call__"),
        ("Wants", "made of other arguments; allowed: the run's folder, or nothing"),
        ("wrong", "does not take the progress of a step"),
        ("number", "3 does not take the progress of a step"),
        ("none", "no callback 'none'; allowed: Stop"),
    ],
)
def test_a_broken_contract_is_one_line(mine, tmp_path, name, said):
    with pytest.raises(ArgumentError) as caught:
        make_callback(f"{mine}:{name}", tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_told(tmp_path):
    with pytest.raises(ArgumentError, match=r"callback: 'tensorbord' .*did you mean 'tensorboard'"):
        make_callback("tensorbord", tmp_path)


def test_controls_of_every_step_are_in_a_file_to_the_bit(tmp_path):
    seen = []
    run = make_run(make_callback("controls-csv", tmp_path), lambda progress: seen.append(progress))
    run.train()
    lines = (tmp_path / "controls.csv").read_text().splitlines()
    assert lines[0].startswith("step,inferences,loss,validation_error,control0,control1,")
    rows = np.array([[float(number) for number in line.split(",")] for line in lines[1:]])
    np.testing.assert_array_equal(rows[:, 4:], [progress.controls for progress in seen])
    np.testing.assert_array_equal(rows[:, :4], [row[:4] for row in run.history])


def test_a_resumed_training_writes_later_steps_anew(tmp_path):
    straight = make_run(make_callback("controls-csv", tmp_path), steps=6)
    straight.train()
    whole = (tmp_path / "controls.csv").read_text()
    first = make_run(steps=2)
    first.train()
    # The file goes on to step 6, the checkpoint is of step 2.
    second = make_run(make_callback("controls-csv", tmp_path), steps=6)
    second.restore(through_a_file(first.checkpoint()))
    second.train()
    assert (tmp_path / "controls.csv").read_text() == whole


def test_tensorboard_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ArgumentError, match=r"pip install 'photonzero\[tensorboard\]'"):
        make_callback("tensorboard", tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is None, reason="an extra that is not installed")
def test_tensorboard_gets_losses_over_inferences(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    run = make_run(make_callback("tensorboard", tmp_path), steps=10)
    run.train()
    (path,) = (tmp_path / "tensorboard").iterdir()
    data, found, histograms = path.read_bytes(), {"loss": [], "validation_error": []}, []
    while data:
        # A record: its length, a checksum of that, itself, a checksum of it.
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            if value.tag in found:
                found[value.tag].append((event.step, value.simple_value))
            else:
                histograms.append((value.tag, event.step, value.histo.num))
        data = data[16 + length :]
    for name, column in (("loss", 2), ("validation_error", 3)):
        np.testing.assert_allclose(found[name], [(row[1], row[column]) for row in run.history], rtol=1e-6)
    assert histograms == [("controls", run.inferences, 25.0)]

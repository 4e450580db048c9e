import errno
import os

import numpy as np
import pytest

from photonzero.training.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from photonzero.training.errors import CheckpointError
from photonzero.training.random_state import generator_from_array, generator_to_array


def test_round_trip(tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, "me", {"x": np.arange(3.0), "text": np.array("hello")})
    content = load_checkpoint(path, "me")
    np.testing.assert_array_equal(content["x"], [0, 1, 2])
    assert str(content["text"]) == "hello"
    assert list(tmp_path.iterdir()) == [path]


def test_generators_continue_where_they_were():
    rng = np.random.default_rng(1)
    rng.standard_normal(10)
    copy = generator_from_array(generator_to_array(rng))
    np.testing.assert_array_equal(rng.standard_normal(5), copy.standard_normal(5))
    with pytest.raises(CheckpointError, match="random state cannot be read"):
        generator_from_array(np.array("{}"))


def test_missing_damaged_foreign(tmp_path):
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(CheckpointError, match="not found"):
        load_checkpoint(path, "me")
    save_checkpoint(path, "me", {"x": np.zeros(1000)})
    with pytest.raises(CheckpointError, match="another configuration"):
        load_checkpoint(path, "you")
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
            load_checkpoint(path, "me")
    np.savez(path, x=np.zeros(1))
    with pytest.raises(CheckpointError, match="format 'none'"):
        load_checkpoint(path, "me")


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        load_checkpoint(path, "me")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write(b"half of the new")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]

"""IDX files as they are distributed, and every way they can be wrong; classification as a user meets it."""

import gzip
import json

import numpy as np
import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tasks.datasets import load_dataset
from photonzero.experiments.tasks.datasets.idx import read_mnist
from tests.experiments.test_command import photonzero

N = 100
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)
LABELS = (np.arange(N) % 10).astype(np.uint8)


def idx(array):
    magic = 0x800 + array.ndim
    header = b"".join(int(n).to_bytes(4, "big") for n in (magic, *array.shape))
    return header + array.tobytes()


def write(folder, images=None, labels=None, prefix="t10k", zipped=True):
    for name, data in (
        (f"{prefix}-images-idx3-ubyte", idx(PIXELS) if images is None else images),
        (f"{prefix}-labels-idx1-ubyte", idx(LABELS) if labels is None else labels),
    ):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("zipped", [True, False])
def test_one_pair_is_split_in_a_fixed_order(tmp_path, zipped):
    data = read_mnist(write(tmp_path, zipped=zipped))
    sizes = [len(labels) for _, labels in (data.train, data.validation, data.test)]
    assert sizes == [70, 10, 20]
    rows = {tuple(row): label for row, label in zip(PIXELS.reshape(N, -1) / 255.0, LABELS, strict=True)}
    for inputs, labels in (data.train, data.validation, data.test):
        assert [rows.pop(tuple(row)) for row in inputs] == labels.tolist()
    assert not rows
    np.testing.assert_array_equal(read_mnist(tmp_path).test[1], data.test[1])


def test_two_pairs_keep_their_test_part(tmp_path):
    write(tmp_path)
    write(tmp_path, idx(PIXELS[:60]), idx(LABELS[:60]), prefix="train")
    data = read_mnist(tmp_path)
    assert [len(labels) for _, labels in (data.train, data.validation, data.test)] == [50, 10, 100]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx(PIXELS)[:-1], None, r"images.*: 78415 bytes; allowed: 78416"),
        (idx(LABELS), None, "images.*: holds labels; allowed: IDX images"),
        (None, idx(PIXELS), "labels.*: holds images; allowed: IDX labels"),
        (b"\0\0\0\0" + idx(PIXELS)[4:], None, "images.*: magic number 0x0; allowed"),
        (idx(PIXELS[:, :20]), None, r"images.*: images of \(20, 28\) pixels; allowed: 28 x 28"),
        (None, idx(LABELS[:50]), "labels.*: 50 labels; allowed: 100"),
        (None, idx(LABELS + np.uint8(1)), "labels.*: label 10; allowed: 0 to 9"),
        (None, idx(np.where(LABELS == 3, 4, LABELS).astype(np.uint8)), "labels.*: no example of class 3"),
    ],
)
def test_wrong_files_are_named(tmp_path, images, labels, message):
    with pytest.raises(UsageError, match=message):
        read_mnist(write(tmp_path, images, labels))


def test_a_truncated_gzip_is_named(tmp_path):
    write(tmp_path)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"t10k-images-idx3-ubyte\.gz: damaged or truncated gzip"):
        read_mnist(tmp_path)


def test_missing_files_and_folders_are_named(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no train-images-idx3-ubyte with"):
        read_mnist(tmp_path)
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UsageError, match="t10k-labels-idx1-ubyte is missing"):
        read_mnist(tmp_path)
    monkeypatch.delenv("PHOTONZERO_DATA", raising=False)
    with pytest.raises(UsageError, match="mnist: no data; allowed: --data DIR or PHOTONZERO_DATA=DIR"):
        load_dataset("mnist", None)


def test_digits_have_the_same_split_always():
    first, second = load_dataset("digits", None), load_dataset("digits", None)
    assert [len(first.train[1]), len(first.validation[1]), len(first.test[1])] == [1197, 240, 360]
    np.testing.assert_array_equal(first.test[0], second.test[0])
    assert first.train[0].min() == -1.0
    assert first.train[0].max() == 1.0


def test_digits_through_the_command(tmp_path):
    black_box = ("train", "digits", "--optimizer", "gauss-newton", "--set", "batch_size=100")
    photonzero(*black_box, "--steps", 3, "--out", "run", cwd=tmp_path)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert "rel_l2" not in result
    assert 0 <= result["test_accuracy"] <= 1
    # The first base is measured twice, then three steps of 10 directions, 3 trials and the next base.
    assert result["inferences"] == (2 + 3 * (10 + 3 + 1)) * 100
    assert (tmp_path / "run" / "figures" / "confusion.png").stat().st_size > 0
    # Another three steps continue the run as if it had never stopped.
    photonzero("train", "--resume", "run", "--steps", 4, cwd=tmp_path)
    photonzero(*black_box, "--steps", 4, "--out", "straight", cwd=tmp_path)
    both = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("run", "straight")]
    assert both[0]["final_loss"] == both[1]["final_loss"]
    answer = photonzero("train", "digits", "--derivatives", "central", cwd=tmp_path, code=2)
    assert "allowed: none, it has no PDE" in answer.stderr


def test_mnist_through_the_command(tmp_path):
    write(tmp_path)
    arguments = ("--steps", 1, "--set", "batch_size=20", "--set", "optimizer.n_directions=4", "--out", "run")
    photonzero("train", "mnist", "--data", tmp_path, *arguments, cwd=tmp_path)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["problem"] == "mnist"
    answer = photonzero("train", "mnist", "--data", tmp_path / "none", cwd=tmp_path, code=2)
    assert "no train-images-idx3-ubyte" in answer.stderr

"""MNIST from IDX files, the format it is distributed in [lecun1998]."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.training.classification import Dataset, ImageFrame
from photonzero.training.oracle import Array

_MAGIC = {"images": 0x803, "labels": 0x801}
_SIDE = 28
_N_CLASSES = 10
_MOST_BYTES = 500_000_000


def read_mnist(folder: Path) -> Dataset:
    """MNIST with a split that never changes; pixels from 0 to 1.

    With both pairs of files the test part is the t10k pair, and the last sixth of the train pair
    validates. With one pair alone its images in a fixed random order are split into 7 / 10 to train,
    1 / 10 to validate and 2 / 10 to test: 7,000, 1,000 and 2,000 of the 10,000 of t10k.

    Raises:
        UsageError: a file is missing, truncated, swapped or not IDX, has images of another size, labels
            out of range or a class without an example; names it.
    """
    pairs = {prefix: _read_pair(folder, prefix) for prefix in ("train", "t10k") if _has_pair(folder, prefix)}
    if not pairs:
        raise UsageError(
            f"{folder}: no train-images-idx3-ubyte with train-labels-idx1-ubyte and no pair t10k-...; "
            "allowed: at least one pair, each with or without .gz"
        )
    if len(pairs) == 2:
        inputs, labels = pairs["train"]
        cut = len(labels) - len(labels) // 6
        parts = ((inputs[:cut], labels[:cut]), (inputs[cut:], labels[cut:]), pairs["t10k"])
    else:
        inputs, labels = next(iter(pairs.values()))
        order = np.random.default_rng(0).permutation(len(labels))
        n_test, n_validation = len(labels) // 5, len(labels) // 10
        cuts = np.split(order, [n_test, n_test + n_validation])
        test, validation, train = ((inputs[part], labels[part]) for part in cuts)
        parts = (train, validation, test)
    return Dataset("mnist", _N_CLASSES, *parts, frame=ImageFrame(_SIDE, _SIDE, background=0.0))


def mnist_files(folder: Path) -> dict[str, Path]:
    """The files of that folder that `read_mnist` reads, by their names."""
    found = [_find(folder, prefix, kind) for prefix in ("train", "t10k") for kind in _MAGIC]
    return {path.name: path for path in found if path is not None}


def _has_pair(folder: Path, prefix: str) -> bool:
    return _find(folder, prefix, "images") is not None


def _find(folder: Path, prefix: str, kind: str) -> Path | None:
    name = f"{prefix}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_pair(folder: Path, prefix: str) -> tuple[Array, Array]:
    paths = {kind: _find(folder, prefix, kind) for kind in _MAGIC}
    image_path, label_path = paths["images"], paths["labels"]
    if image_path is None or label_path is None:
        raise UsageError(f"{folder}: {prefix}-labels-idx1-ubyte is missing; allowed: the pair, or .gz")
    images, labels = _read(image_path, "images"), _read(label_path, "labels")
    if images.shape[1:] != (_SIDE, _SIDE):
        raise UsageError(f"{image_path}: images of {images.shape[1:]} pixels; allowed: {_SIDE} x {_SIDE}")
    if len(images) != len(labels):
        raise UsageError(f"{label_path}: {len(labels)} labels; allowed: {len(images)}, as there are images")
    if labels.max(initial=0) >= _N_CLASSES:
        raise UsageError(f"{label_path}: label {labels.max()}; allowed: 0 to {_N_CLASSES - 1}")
    absent = np.setdiff1d(np.arange(_N_CLASSES), labels)
    if absent.size:
        raise UsageError(f"{label_path}: no example of class {absent[0]}; allowed: every class")
    return images.reshape(len(images), -1) / 255.0, labels.astype(np.int64)


def _read(path: Path, kind: str) -> Array:
    """The array of an IDX file of unsigned bytes."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise UsageError(
                f"{path}: more than {_MOST_BYTES:,} bytes; allowed: MNIST's size, some 47 million"
            )
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UsageError(f"{path}: damaged or truncated gzip ({error})") from error
    n_dims = 3 if kind == "images" else 1
    magic = int.from_bytes(data[:4], "big")
    if magic != _MAGIC[kind]:
        other = next((name for name, value in _MAGIC.items() if value == magic), None)
        found = f"holds {other}" if other else f"magic number {magic:#x}"
        raise UsageError(f"{path}: {found}; allowed: IDX {kind}, magic number {_MAGIC[kind]:#x}")
    start = 4 + 4 * n_dims
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(n_dims)]
    expected = start + math.prod(shape)
    if len(data) != expected:
        raise UsageError(f"{path}: {len(data)} bytes; allowed: {expected} for the {shape} of its header")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)

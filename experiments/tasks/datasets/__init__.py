"""Data to classify, by the names that the command knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tasks.datasets.idx import mnist_files, read_mnist
from photonzero.training.classification import Dataset

DATASETS: Mapping[str, str] = MappingProxyType(
    {
        "digits": "Handwritten digits of 8 x 8 pixels, to classify (extra digits).",
        "mnist": "Handwritten digits of 28 x 28 pixels, to classify (--data DIR).",
    }
)
"""Names, each with one line on what it is."""

DATA_VARIABLE = "PHOTONZERO_DATA"


def load_dataset(name: str, folder: str | None) -> Dataset:
    """The dataset of that name with its fixed split.

    Args:
        name: "digits", 8 x 8 images that come with scikit-learn, or "mnist", IDX files in `folder`.
        folder: of the files; None takes the environment variable PHOTONZERO_DATA.

    Raises:
        UsageError: no such dataset, scikit-learn or files missing, or files that cannot be used.
    """
    if name == "digits":
        from photonzero.experiments.tasks.datasets.digits import read_digits

        return read_digits()
    if name != "mnist":
        raise UsageError(f"dataset: {name!r}; allowed: {', '.join(DATASETS)}")
    return read_mnist(data_folder(folder))


def dataset_files(name: str, folder: str | None) -> dict[str, Path]:
    """Files that a dataset is read from, by name; none for one that comes with a package.

    Raises:
        UsageError: no folder is given, nor is one in the environment.
    """
    return mnist_files(data_folder(folder)) if name == "mnist" else {}


def data_folder(folder: str | None) -> Path:
    """Where the files of MNIST are.

    Raises:
        UsageError: neither given nor in the environment.
    """
    found = folder or os.environ.get(DATA_VARIABLE)
    if not found:
        raise UsageError(
            f"mnist: no data; allowed: --data DIR or {DATA_VARIABLE}=DIR with the IDX files "
            "train-images-idx3-ubyte and train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
            "t10k-labels-idx1-ubyte, or one pair of them, each with or without .gz"
        )
    return Path(found)

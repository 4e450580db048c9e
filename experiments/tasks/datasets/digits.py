"""The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.training.classification import Dataset, ImageFrame

_N_TEST, _N_VALIDATION = 360, 240
_SPLIT_SEED = 0


def read_digits() -> Dataset:
    """1,197 to train, 240 to validate, 360 to test, the same ones always; pixels from -1 to 1.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UsageError(
            "digits: scikit-learn is not installed; allowed: pip install 'photonzero[digits]'"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    inputs, labels = pixels[order] / 8.0 - 1.0, labels[order].astype(np.int64)
    a, b = _N_TEST, _N_TEST + _N_VALIDATION
    return Dataset(
        "digits",
        10,
        (inputs[b:], labels[b:]),
        (inputs[a:b], labels[a:b]),
        (inputs[:a], labels[:a]),
        ImageFrame(8, 8, background=-1.0),
    )

"""Random generators to and from plain arrays, so that checkpoints need no pickle."""

from __future__ import annotations

import json

import numpy as np

from photonzero.training.errors import CheckpointError
from photonzero.training.oracle import Array


def generator_to_array(rng: np.random.Generator) -> Array:
    """State of a generator as a scalar array of text."""
    return np.array(json.dumps(rng.bit_generator.state))


def generator_from_array(array: Array) -> np.random.Generator:
    """Generator that continues where `generator_to_array` was called.

    Raises:
        CheckpointError: not a state of a PCG64 generator.
    """
    rng = np.random.default_rng(0)
    try:
        rng.bit_generator.state = json.loads(str(array))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"checkpoint: random state cannot be read ({error})") from error
    return rng

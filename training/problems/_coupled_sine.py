"""A phase of ten coordinates that no sum or product of functions of one makes, for exact solutions."""

from __future__ import annotations

import numpy as np

from photonzero.training.oracle import Array

N_SPACE = 10
COUPLING = 0.3


def phase(x: Array) -> Array:
    """``s(x) = (3/10) sum (x_i x_{i+1} - 1/4)`` of points (..., n): harmonic, of mean 0 on [0, 1]^n."""
    return COUPLING * (x[..., :-1] * x[..., 1:] - 0.25).sum(axis=-1)


def phase_slope_squared(x: Array) -> Array:
    """``|grad s|^2`` of that phase at points (..., n)."""
    slope = np.zeros(x.shape)
    slope[..., :-1] += COUPLING * x[..., 1:]
    slope[..., 1:] += COUPLING * x[..., :-1]
    return (slope**2).sum(axis=-1)

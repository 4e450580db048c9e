"""What can be asked of the readout behind measured features, at no inference."""

from __future__ import annotations

from typing import Protocol

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array


class Readout(Protocol):
    """The digital readout behind what was measured of P candidates in one evaluation.

    The controls of a readout are its weights, row after row, then its biases, n_readout in all.
    """

    def columns(self, p: int, readout: Array) -> Array:
        """Derivative (R, n_readout) of candidate p's residuals by the controls of a readout (n_readout,)."""
        ...

    def residuals(self, p: int, readouts: Array) -> Array:
        """Residuals (Q, R) that candidate p's optics would give with other readouts (Q, n_readout)."""
        ...


def missing_readout() -> ArgumentError:
    """The error for an evaluation without the readout that an optimizer with one asked for."""
    return ArgumentError("evaluation: no readout; allowed: one, as the optimizer was given its controls")

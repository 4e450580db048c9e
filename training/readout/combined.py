"""Readouts made of readouts: weighted, and several with the same controls one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photonzero.training.oracle import Array
from photonzero.training.readout.base import Readout


@dataclass(frozen=True)
class ScaledReadout:
    """A `Readout` whose residuals are multiplied by a number.

    Attributes:
        readout: the readout of the residuals as they are.
        factor: what the residuals are multiplied by.
    """

    readout: Readout
    factor: float

    def residuals(self, p: int, readouts: Array) -> Array:
        """Scaled residuals (Q, R) of candidate p with other readouts (Q, n_readout)."""
        return self.factor * self.readout.residuals(p, readouts)

    def columns(self, p: int, readout: Array) -> Array:
        """Scaled derivative (R, n_readout) of candidate p's residuals by the readout's controls."""
        return self.factor * self.readout.columns(p, readout)


@dataclass(frozen=True)
class JoinedReadout:
    """A `Readout` of residuals that stand one after the other: of several terms, or of several chips.

    Attributes:
        parts: readouts of the parts, all with the same controls.
    """

    parts: Sequence[Readout]

    def residuals(self, p: int, readouts: Array) -> Array:
        """Residuals (Q, R) of all parts of candidate p with other readouts (Q, n_readout)."""
        return np.concatenate([part.residuals(p, readouts) for part in self.parts], axis=1)

    def columns(self, p: int, readout: Array) -> Array:
        """Derivative (R, n_readout) of all parts of candidate p's residuals by the readout's controls."""
        return np.concatenate([part.columns(p, readout) for part in self.parts])

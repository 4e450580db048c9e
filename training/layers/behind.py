"""What stands behind a layer that is not read itself: its readings, from those of the last layer.

A chip may show nothing but the readings of its last layer, while inputs pass. Its other layers can still be
driven and read, since the electronics between them are known, and their biases can be set:

- **Driven.** Dark inputs and biases of zero leave every layer up to some one dark, for activations that
  are odd. The biases of that one then are all that its activation meets: with ``b = s^-1(v)`` it presents v
  to the next layer, whatever the phases before it. For v = +-1 a sine or a tanh is flat, and the noise of
  the detectors before it does not get through.
- **Read.** With small vectors, biases of zero, and matrices of the layers behind that are known, what the
  activation of a layer presents follows from the last readings by least squares, and its readings by the
  inverse of the activation. One setting of the layers behind says little where their matrices hardly pass
  anything; two or three settings together say all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.network import activated
from photonzero.training.oracle import Array

_NEARLY_ONE = 1.0 - 1e-7
"""A tanh is never 1; single precision cannot tell this from it."""

_CORRECTIONS = 40
"""Of a linear solution at most, where more than one layer stands behind."""

_ENOUGH = 1e-8
"""A correction that is smaller, over what is presented, is the last."""

_INVERSES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "identity": lambda v: v,
        "sin": lambda v: np.arcsin(np.clip(v, -1.0, 1.0)),
        "tanh": lambda v: np.arctanh(np.clip(v, -_NEARLY_ONE, _NEARLY_ONE)),
    }
)
"""Of the activations that are odd and have the slope 1 at zero."""


def invertible(activation: str) -> str:
    """The name, if what an activation met can be told from what it presents.

    Raises:
        ArgumentError: it cannot, or a dark layer is not dark behind it.
    """
    if activation not in _INVERSES:
        raise ArgumentError(
            f"activation: {activation!r} before the last layer, where only that can be read; allowed: "
            f"{', '.join(_INVERSES)}"
        )
    return activation


def inverse(activation: str, presented: Array) -> Array:
    """What an activation met where it presents some numbers, any shape; between its two nearest turns."""
    return _INVERSES[activation](presented)


def flatness(activation: str, presented: Array) -> Array:
    """Slope of an activation where it presents some numbers, any shape."""
    if activation == "sin":
        return np.sqrt(np.maximum(1.0 - presented**2, 0.0))
    return 1.0 - presented**2 if activation == "tanh" else np.ones_like(presented)


@dataclass(frozen=True)
class Behind:
    """What stands behind a layer, at some settings.

    Attributes:
        activations: of the layer itself, and of all behind it but the last.
        matrices: of the layers behind it, from the next one on, at S settings each: (S, m, n).
    """

    activations: Sequence[str]
    matrices: Sequence[Array]

    @cached_property
    def slopes(self) -> Array:
        """Last readings by what the layer presents, about dark, (S, m, n)."""
        product = self.matrices[0]
        for matrices in self.matrices[1:]:
            product = matrices @ product
        return product

    @cached_property
    def _inverse(self) -> Array:
        return np.linalg.pinv(self.slopes.reshape(-1, self.slopes.shape[2]))

    @property
    def amplification(self) -> float:
        """Noise of what is presented over that of a last reading, where readings err alike."""
        return amplification(self.slopes)

    def last_readings(self, presented: Array) -> Array:
        """Without noise, (N, S, m), where the layer presents (N, n) and all biases behind are zero."""
        here = np.einsum("smn,bn->bsm", self.matrices[0], presented)
        for activation, matrices in zip(self.activations[1:], self.matrices[1:], strict=True):
            here = np.einsum("smn,bsn->bsm", matrices, activated(activation, here), optimize=True)
        return here

    def readings(self, last: Array) -> Array:
        """Readings (N, n) of the layer, from last readings (N, S, m) with all biases from it on at zero."""
        flat = last.reshape(len(last), -1)
        presented = flat @ self._inverse.T
        if len(self.matrices) > 1:
            for _ in range(_CORRECTIONS):
                correction = (flat - self.last_readings(presented).reshape(flat.shape)) @ self._inverse.T
                presented += correction
                if np.abs(correction).max() <= _ENOUGH * np.abs(presented).max():
                    break
        return inverse(self.activations[0], presented)


def amplification(slopes: Array) -> float:
    """Root mean square noise of n numbers found by least squares, over that of a reading.

    Args:
        slopes: of the readings by the numbers, (.., n); all but the last index are readings.
    """
    values = np.linalg.svd(slopes.reshape(-1, slopes.shape[-1]), compute_uv=False)
    if len(values) < slopes.shape[-1] or values[-1] <= 0:
        return np.inf
    return float(np.sqrt((values**-2.0).mean()))


def best_views(matrices: Array, n_views: int) -> list[int]:
    """Those of some settings of a layer that together tell best what it is presented, one after the other.

    Args:
        matrices: of the layer at every setting, (S, m, n).
        n_views: how many are wanted, at most S.
    """
    chosen: list[int] = []
    left = list(range(len(matrices)))
    for _ in range(n_views):
        best = min(left, key=lambda k: amplification(matrices[[*chosen, k]]))
        chosen.append(best)
        left.remove(best)
    return chosen

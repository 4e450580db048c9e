"""The optimizers by the names that the command knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from training.errors import ArgumentError
from training.optimizers.base import Optimizer, Start
from training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from training.optimizers.rge_adam import RgeAdam, RgeAdamOptions


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        summary: one line for `photonzero list`.
        options: a frozen dataclass of settings, all with defaults.
        make: the optimizer from a start, options and a generator.
    """

    summary: str
    options: type[Any]
    make: Callable[[Start, Any, np.random.Generator], Optimizer]


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "gauss-newton": Method(
            "forward-only Gauss-Newton in a random subspace", GaussNewtonOptions, SubspaceGaussNewton
        ),
        "rge-adam": Method("random-direction gradients fed to Adam", RgeAdamOptions, RgeAdam),
    }
)


def optimizer_names() -> tuple[str, ...]:
    """Names that `get_method` knows."""
    return tuple(METHODS)


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        ArgumentError: no such method; lists the allowed names.
    """
    if name not in METHODS:
        raise ArgumentError(f"optimizer: {name!r}; allowed: {', '.join(METHODS)}")
    return METHODS[name]

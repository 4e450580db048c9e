"""The optimizers by the names that the command knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers.base import Optimizer, Start
from photonzero.training.optimizers.external import CmaOptions, NevergradOptions, cma_es, nevergrad
from photonzero.training.optimizers.forward_gradient import (
    CoordinateOptions,
    FlopsOptions,
    ForwardGradient,
    GradientOptions,
    GroupwiseOptions,
    HybridOptions,
    RgeSgdOptions,
    SignSgdOptions,
    SpsaOptions,
    ZoAdaMMOptions,
)
from photonzero.training.optimizers.gauss_newton import GaussNewtonOptions, SubspaceGaussNewton
from photonzero.training.optimizers.recursive_gauss_newton import RecursiveGaussNewton, RecursiveOptions
from photonzero.training.optimizers.sparse_coordinate import SparseCoordinate, SparseCoordinateOptions


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
        "recursive-gauss-newton": Method(
            "Gauss-Newton on all controls, continued from batch to batch",
            RecursiveOptions,
            RecursiveGaussNewton,
        ),
        "rge-adam": Method(
            "random directions fed to Adam, the published way", GradientOptions, ForwardGradient
        ),
        "rge-sgd": Method("random directions, plain descent", RgeSgdOptions, ForwardGradient),
        "sign-sgd": Method("signs of a one-sided estimate", SignSgdOptions, ForwardGradient),
        "zo-adamm": Method("one-sided directions on the sphere, AMSGrad", ZoAdaMMOptions, ForwardGradient),
        "coordinate": Method(
            "central differences, a block of coordinates a step", CoordinateOptions, ForwardGradient
        ),
        "hybrid": Method("random directions, coordinate-wise after a stall", HybridOptions, ForwardGradient),
        "groupwise": Method("random directions core by core", GroupwiseOptions, ForwardGradient),
        "flops": Method(
            "FLOPS: Gaussian one-sided differences, decaying descent", FlopsOptions, ForwardGradient
        ),
        "spsa": Method("SPSA: one antithetic pair a step, Spall's gains", SpsaOptions, ForwardGradient),
        "sparse-coordinate": Method(
            "sparse coordinate descent of mixed training", SparseCoordinateOptions, SparseCoordinate
        ),
        "cma-es": Method("CMA-ES of pycma (extra cma)", CmaOptions, cma_es),
        "nevergrad": Method("any optimizer of nevergrad (extra nevergrad)", NevergradOptions, nevergrad),
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

"""The optimizers by the names that the command knows, of installed packages, and in users' files."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from photonzero.registry import Registry
from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers.base import Method, NoOptions, Optimizer, Start

_ROOM = "photonzero.training.optimizers"
_METHODS = ("ask", "tell", "stop", "state", "restore")
_ATTRIBUTES = ("needs", "n_steps", "controls", "loss")


def get_method(name: str) -> Method:
    """The method of that name, or made of a user's class in a file, ``my.py:Mine``.

    Raises:
        ArgumentError: no such method, with the allowed names; or one that breaks the contract.
    """
    return OPTIMIZERS.get(name)


def optimizer_names() -> tuple[str, ...]:
    """Names that `get_method` knows."""
    return OPTIMIZERS.names()


def as_method(name: str, value: Any) -> Method:
    """The method that a user's class or function makes optimizers of.

    It is called with a `Start`, options and a generator. The options are those of a dataclass that is its
    attribute ``Options``; without one there are none. A `Method` is taken as it is.

    Raises:
        ArgumentError: it breaks the contract; says how.
    """
    what, made = f"optimizer {name!r}", value
    if isinstance(value, Method):
        return value
    if not callable(value):
        raise ArgumentError(f"{what}: {value!r}; allowed: a class, a function or a Method")
    if inspect.isclass(value):
        missing = [key for key in _METHODS if not callable(getattr(value, key, None))]
        missing += sorted(getattr(value, "__abstractmethods__", ()))
        if missing:
            raise ArgumentError(
                f"{what}: no method {', '.join(missing)}; allowed: {', '.join(_METHODS)}, "
                "or a class of PopulationOptimizer with propose and learn"
            )
    try:
        inspect.signature(value).bind(None, None, None)
    except TypeError as error:
        raise ArgumentError(f"{what}: {error}; allowed: arguments (start, options, rng)") from error
    options = getattr(value, "Options", NoOptions)
    try:
        fits = is_dataclass(options) and is_dataclass(options())
    except TypeError:
        fits = False
    if not fits:
        raise ArgumentError(f"{what}: Options; allowed: a dataclass with a default for every field")

    def make(start: Start, options: Any, rng: np.random.Generator) -> Optimizer:
        optimizer: Any = made(start, options, rng)
        for key in (*_METHODS, *_ATTRIBUTES):
            if not hasattr(optimizer, key):
                raise ArgumentError(f"{what}: no {key}; allowed: {', '.join((*_METHODS, *_ATTRIBUTES))}")
        if optimizer.needs not in ("loss", "residuals"):
            raise ArgumentError(f"{what}: needs {optimizer.needs!r}; allowed: loss, residuals")
        if np.shape(optimizer.controls) != start.controls.shape:
            raise ArgumentError(
                f"{what}: controls of shape {np.shape(optimizer.controls)}; allowed: {start.controls.shape}"
            )
        return optimizer

    return Method((inspect.getdoc(value) or "without a description").splitlines()[0], options, make)


OPTIMIZERS: Registry[Method] = Registry(
    "optimizer",
    {
        "gauss-newton": f"{_ROOM}.gauss_newton:METHOD",
        "recursive-gauss-newton": f"{_ROOM}.recursive_gauss_newton:METHOD",
        "layered-gauss-newton": f"{_ROOM}.layered_gauss_newton:METHOD",
        "last-layer-gauss-newton": f"{_ROOM}.last_layer_gauss_newton:METHOD",
        "layered-adam": f"{_ROOM}.layered_adam:METHOD",
        "rge-adam": f"{_ROOM}.forward_gradient:RGE_ADAM",
        "rge-sgd": f"{_ROOM}.forward_gradient:RGE_SGD",
        "sign-sgd": f"{_ROOM}.forward_gradient:SIGN_SGD",
        "zo-adamm": f"{_ROOM}.forward_gradient:ZO_ADAMM",
        "coordinate": f"{_ROOM}.forward_gradient:COORDINATE",
        "hybrid": f"{_ROOM}.forward_gradient:HYBRID",
        "groupwise": f"{_ROOM}.forward_gradient:GROUPWISE",
        "flops": f"{_ROOM}.forward_gradient:FLOPS",
        "spsa": f"{_ROOM}.forward_gradient:SPSA",
        "sparse-coordinate": f"{_ROOM}.sparse_coordinate:METHOD",
        "cma-es": f"{_ROOM}.external:CMA_ES",
        "nevergrad": f"{_ROOM}.external:NEVERGRAD",
    },
    ArgumentError,
    as_method,
    is_own=lambda value: callable(getattr(value, "ask", None)) and callable(getattr(value, "tell", None)),
)

"""Callbacks by the names that the command knows, of installed packages, and in users' files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from photonzero.registry import Registry
from photonzero.training.callbacks.base import Callback
from photonzero.training.errors import ArgumentError

CallbackMaker: TypeAlias = Callable[[Path], Callback]
"""Makes a callback for the folder of a run."""


def as_callback_maker(name: str, value: Any) -> CallbackMaker:
    """What makes callbacks of a user's class, or of a function.

    A class is called with the run's folder, or with nothing if it takes nothing. A function, and any other
    object that can be called, is a callback itself.

    Raises:
        ArgumentError: it is none of them; says what is allowed.
    """
    made: Any = value
    what = f"callback {name!r}"
    allowed = "allowed: a function of the progress of a step, or a class with __call__"
    if inspect.isclass(value):
        if "__call__" not in dir(value):
            raise ArgumentError(f"{what}: no method __call__; {allowed}")
        if _takes(value, 1):
            return made
        if _takes(value, 0):
            return _described(lambda folder: made(), made)
        raise ArgumentError(f"{what}: made of other arguments; allowed: the run's folder, or nothing")
    if not callable(value) or not _takes(value, 1):
        raise ArgumentError(f"{what}: {value!r} does not take the progress of a step; {allowed}")
    return _described(lambda folder: made, made)


def make_callback(name: str, folder: Path) -> Callback:
    """The callback of that name for a run, or of a user's file, ``my.py:Mine``.

    Raises:
        ArgumentError: no such callback, or one that breaks the contract.
    """
    return CALLBACKS.get(name)(folder)


def _described(maker: CallbackMaker, made: Any) -> CallbackMaker:
    """The maker, with the description of what it makes."""
    maker.__doc__ = inspect.getdoc(made)
    return maker


def _takes(value: Any, n: int) -> bool:
    try:
        inspect.signature(value).bind(*[None] * n)
    except TypeError:
        return False
    return True


CALLBACKS: Registry[CallbackMaker] = Registry(
    "callback",
    {
        "controls-csv": "photonzero.training.callbacks.csv_writer:ControlsCsv",
        "tensorboard": "photonzero.training.callbacks.tensorboard_writer:TensorBoard",
    },
    ArgumentError,
    as_callback_maker,
)

"""Phase errors of one's own, in a user's file or an installed package, as parts of a noise model.

A part is a frozen dataclass of numbers, with units in their names, and a method
``fabricate(column, mode, rng)``: given the place of each of n shifters, two arrays (n,), and a generator that
draws what is fixed once per chip, it returns a function of phases (P, n) [rad], one row a setting, that
returns what became of them, (P, n) [rad]. It may have ``describe()``, a few words on what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError
from photonzero.registry import Registry, users_place

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
OfPhases = Callable[[FloatArray], FloatArray]
Numbers = Mapping[str, Any]


def _checked(name: str, found: Any) -> type:
    how = getattr(found, "__dataclass_params__", None)
    if not (isinstance(found, type) and how is not None and how.frozen):
        raise DeviceError(f"noise part {name!r}: {found!r}; allowed: a frozen dataclass")
    if not callable(getattr(found, "fabricate", None)):
        raise DeviceError(f"noise part {name!r}: no fabricate; allowed: fabricate(self, column, mode, rng)")
    return found


NOISE_PARTS: Registry[type] = Registry(
    "noise part", {}, DeviceError, _checked, is_own=lambda value: hasattr(value, "fabricate")
)
"""Parts by name; the project's own are fields of the noise model."""


def make_part(name: str, numbers: Numbers) -> Any:
    """The part of that name with its numbers.

    Raises:
        DeviceError: no such part, an unknown or missing key, no number, or one that the part refuses.
    """
    cls = NOISE_PARTS.get(name)
    label = f"noise part {NOISE_PARTS.label(name)}"
    if not isinstance(numbers, Mapping):
        raise DeviceError(f"{label}: {numbers!r}; allowed: a section")
    own = {f.name: f for f in fields(cls) if f.init}
    for key, value in numbers.items():
        if key not in own:
            raise DeviceError(f"{label}: unknown key {key}; allowed: {', '.join(own) or 'none'}")
        require_number(f"{label} {key}", value)
    for key, f in own.items():
        if key not in numbers and f.default is MISSING and f.default_factory is MISSING:
            raise DeviceError(f"{label}: {key} is missing")
    return _asked(label, lambda: cls(**numbers))


def resolved_parts(parts: Mapping[str, Numbers] | None) -> dict[str, dict[str, float]] | None:
    """Parts as a noise model holds them: files with absolute paths, plain numbers; None for no parts.

    Raises:
        DeviceError: as `make_part`, or a part that is named twice.
    """
    resolved: dict[str, dict[str, float]] = {}
    for name, numbers in (parts or {}).items():
        make_part(name, numbers)
        full = NOISE_PARTS.resolved(name)
        if full in resolved:
            raise DeviceError(f"noise part {name}: named twice; allowed: once")
        resolved[full] = dict(numbers)
    return resolved or None


def describe_part(name: str, numbers: Numbers) -> str:
    """What a part says of itself, or else its name."""
    own = getattr(make_part(name, numbers), "describe", None)
    return NOISE_PARTS.label(name) if own is None else str(own())


def fabricate_parts(
    parts: Mapping[str, Numbers], column: IntArray, mode: IntArray, rng: np.random.Generator
) -> Sequence[OfPhases]:
    """Draw the static errors of all parts, in their order.

    Args:
        parts: of a noise model.
        column: (n,) column of each shifter in its mesh.
        mode: (n,) mode of each.
        rng: draws what is fixed once per chip.

    Returns:
        For every part a function of phases (P, n) [rad], which raises a `DeviceError` where the part fails
        or answers with something else than finite phases of that shape.

    Raises:
        DeviceError: a part that fails, or returns no function.
    """
    return [_fabricated(name, make_part(name, of), column, mode, rng) for name, of in parts.items()]


def _fabricated(name: str, part: Any, column: IntArray, mode: IntArray, rng: np.random.Generator) -> OfPhases:
    label = f"noise part {NOISE_PARTS.label(name)}"
    made = _asked(label, lambda: part.fabricate(column.copy(), mode.copy(), rng))
    if not callable(made):
        raise DeviceError(f"{label}: fabricate gives {made!r}; allowed: a function of phases (P, n) [rad]")

    def checked(phase_rad: FloatArray) -> FloatArray:
        said = _asked(label, lambda: np.asarray(made(phase_rad), dtype=np.float64))
        if said.shape != phase_rad.shape:
            raise DeviceError(f"{label}: phases of shape {said.shape}; allowed: {phase_rad.shape}")
        if not np.isfinite(said).all():
            raise DeviceError(f"{label}: phases that are not finite; allowed: finite ones [rad]")
        return said

    return checked


def _asked(label: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except DeviceError:
        raise
    except Exception as error:
        # Whatever a user's part raises is an error of the part.
        place = users_place(error)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise DeviceError(f"{label}: {said}{f' ({place})' if place else ''}") from error

"""Field checks shared by the device dataclasses."""

from __future__ import annotations

import math

from photonzero.devices.errors import DeviceError


def require_number(name: str, value: object, *, low: float = -math.inf, high: float = math.inf) -> None:
    """Accept a finite real number in [low, high].

    Raises:
        DeviceError: anything else; names the field, its value and what is allowed.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and low <= number <= high:
            return
    if math.isinf(low) and math.isinf(high):
        allowed = "a finite number"
    elif math.isinf(high):
        allowed = f"a finite number >= {low:g}"
    else:
        allowed = f"a number from {low:g} to {high:g}"
    raise DeviceError(f"{name}: {value!r}; allowed: {allowed}")


def require_integer(name: str, value: object, *, low: int, high: int) -> None:
    """Accept an integer in [low, high].

    Raises:
        DeviceError: anything else; names the field, its value and what is allowed.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return
    raise DeviceError(f"{name}: {value!r}; allowed: an integer from {low} to {high}")

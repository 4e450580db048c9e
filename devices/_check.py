"""Field checks shared by the device dataclasses."""

from __future__ import annotations

from photonzero.devices.errors import DeviceError

LARGEST = 1e30
"""Magnitude of a quantity without a limit of its own: products and squares of some are finite."""


def require_number(name: str, value: object, *, low: float = -LARGEST, high: float = LARGEST) -> None:
    """Accept a finite real number in [low, high].

    Raises:
        DeviceError: anything else; names the field, its value and what is allowed.
    """
    # A comparison with an integer of any size is exact; NaN compares with nothing.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return
    if low == -LARGEST and high == LARGEST:
        allowed = f"a finite number of magnitude up to {high:g}"
    elif high == LARGEST:
        allowed = f"a finite number >= {low:g}, up to {high:g}"
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

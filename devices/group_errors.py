"""Static phase errors as large as the group of a shifter says: theta or phi, one layer or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def checked_groups(stds_rad: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Standard deviations by pattern, as a noise model holds them; None for none.

    Raises:
        DeviceError: no section, or no standard deviation.
    """
    if stds_rad is None:
        return None
    if not isinstance(stds_rad, Mapping):
        raise DeviceError(f'group_std_rad: {stds_rad!r}; allowed: a section, such as "*/theta" = 0.01')
    for pattern, std in stds_rad.items():
        require_number(f"group_std_rad {pattern!r}", std, low=0.0, high=2.0 * np.pi)
    return {str(pattern): float(std) for pattern, std in stds_rad.items()} or None


def group_errors_rad(
    stds_rad: Mapping[str, float], names: Sequence[str], group: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Phase errors of fabricated shifters, normal, (n,) [rad].

    The same generator draws the same die whatever the standard deviations are.

    Args:
        stds_rad: standard deviations [rad] by pattern, such as "*/theta" or "layer1/*"; where several fit,
            their errors add, as those of independent causes.
        names: of the groups.
        group: (n,) place of each shifter's among the names.
        rng: draws the errors.

    Raises:
        DeviceError: a pattern that fits no group.
    """
    variance = np.zeros(len(names))
    for pattern, std in stds_rad.items():
        fits = np.array([fnmatchcase(name, pattern) for name in names])
        if not fits.any():
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise DeviceError(f"group_std_rad: {pattern!r} fits no group; allowed: {shown}")
        variance[fits] += std**2
    return np.sqrt(variance)[group] * rng.standard_normal(len(group))

"""What a measurement is given: settings that are checked, and inputs as modulators present them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from photonzero.devices.converter import InputDac
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]
RealArray: TypeAlias = npt.NDArray[Any]


@runtime_checkable
class StencilLike(Protocol):
    """Inputs kept as centres and offsets; `photonzero.training.oracle.Stencil` is one."""

    @property
    def centers(self) -> RealArray:
        """(B, d)."""
        ...

    @property
    def offsets(self) -> RealArray:
        """(K, d)."""
        ...


Inputs: TypeAlias = RealArray | Sequence[Sequence[float]] | StencilLike


def checked_settings(controls: npt.ArrayLike, n_controls: int, dtype: np.dtype[Any]) -> FloatArray:
    """Settings of a chip, (P, n_controls).

    Args:
        controls: P settings, or one, (n_controls,).
        n_controls: of the chip.
        dtype: arithmetic of the simulation, which must be able to hold them.

    Raises:
        PhotonicsError: a wrong shape, NaN, infinity, or beyond the arithmetic.
    """
    settings = np.asarray(controls, dtype=np.float64)
    if settings.ndim not in (1, 2) or settings.shape[-1] != n_controls or settings.shape[0] == 0:
        raise PhotonicsError(f"controls: shape {settings.shape}; allowed: (at least 1, {n_controls})")
    if not np.isfinite(settings).all():
        raise PhotonicsError("controls: NaN or infinity; allowed: finite numbers")
    largest, limit = float(np.abs(settings).max(initial=0.0)), float(np.finfo(dtype.name).max)
    if largest > limit:
        raise PhotonicsError(f"controls: {largest:.3g}; allowed: at most {limit:.3g}, a {dtype}")
    return settings.reshape(-1, n_controls)


@dataclass(frozen=True)
class Presented:
    """Inputs as light carries them.

    Attributes:
        points: (N, n_in) vectors, or of a stencil the (B, n_in) centres.
        offsets: (K, n_in) of a stencil; None for vectors one by one.
    """

    points: RealArray
    offsets: RealArray | None = None

    @property
    def n_points(self) -> int:
        """Vectors presented: N, or B * K."""
        return self.points.shape[0] * (1 if self.offsets is None else self.offsets.shape[0])


@dataclass(frozen=True)
class Modulators:
    """What writes numbers onto the light of one layer.

    Attributes:
        n_inputs: numbers of a vector.
        n_modes: inputs of the layer; those that nothing is presented to are dark.
        dac: rounds every number; None presents any.
        keeps_stencils: whether a stencil may be passed on as centres and offsets, since the layer is linear.
            It may not where every point is met by phases of its own.
        dtype: arithmetic of the simulation.
    """

    n_inputs: int
    n_modes: int
    dac: InputDac | None
    keeps_stencils: bool
    dtype: np.dtype[Any]

    @property
    def full_scale(self) -> float:
        """Largest magnitude that can be presented."""
        return math.inf if self.dac is None else self.dac.full_scale

    def present(self, inputs: Inputs) -> Presented:
        """Inputs as the layer meets them.

        Args:
            inputs: (N, n_inputs), or a stencil.

        Raises:
            PhotonicsError: a wrong shape, NaN or infinity.
            DeviceError: a number beyond the range of the converter.
        """
        if isinstance(inputs, np.ndarray) or not isinstance(inputs, StencilLike):
            return Presented(self._written(self._checked("inputs", inputs)))
        centers = self._checked("stencil centers", inputs.centers)
        offsets = self._checked("stencil offsets", inputs.offsets)
        if self.dac is None and self.keeps_stencils:
            return Presented(self._written(centers), self._written(offsets))
        # Every point is rounded, or met by phases of its own: the structure of a stencil is no use.
        points = (centers[:, None, :] + offsets).reshape(-1, self.n_inputs)
        return Presented(self._written(points))

    def _checked(self, name: str, value: Any) -> RealArray:
        try:
            rows = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else np.float64)
        except (TypeError, ValueError) as error:
            raise PhotonicsError(
                f"{name}: {type(value).__name__}; allowed: an array, or centers and offsets"
            ) from error
        if rows.ndim != 2 or rows.shape[1] != self.n_inputs or rows.shape[0] == 0:
            raise PhotonicsError(f"{name}: shape {rows.shape}; allowed: (at least 1, {self.n_inputs})")
        if not np.isfinite(rows).all():
            raise PhotonicsError(f"{name}: NaN or infinity; allowed: finite numbers")
        largest, limit = float(np.abs(rows).max()), float(np.finfo(self.dtype.name).max)
        if largest > limit:
            raise PhotonicsError(f"{name}: {largest:.3g}; allowed: at most {limit:.3g}, a {self.dtype}")
        return rows

    def _written(self, rows: RealArray) -> RealArray:
        """Rows rounded by the converter, inputs that nothing is presented to dark."""
        if self.dac is not None:
            rows = self.dac.encode(rows)
        if rows.shape[1] == self.n_modes:
            return np.ascontiguousarray(rows, dtype=self.dtype)
        presented = np.zeros((rows.shape[0], self.n_modes), self.dtype)
        presented[:, : rows.shape[1]] = rows
        return presented

"""Thermal crosstalk: heat of one shifter that reaches others on the chip, by a rule or as measured."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number
from photonzero.devices.errors import DeviceError
from photonzero.stored import DamagedFileError, load_arrays

FloatArray = npt.NDArray[np.float64]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ThermalCrosstalk:
    """Each phase receives ``coupling`` times the phase of each neighbour.

    Neighbours stand at most one column and two steps in all apart, a step being one mode or one column.
    On the checkerboard of a mesh with one shifter an MZI those are the published ones, at most six of
    them: (column, mode +- 2) and (column +- 1, mode +- 1) [zhao2023tonn]. A shifter at an edge has fewer;
    nothing comes from outside the mesh.

    Attributes:
        coupling: fraction of a neighbour's phase. Published: 0.005.
        std: standard deviation of that fraction from pair to pair, gamma distributed about `coupling`, since
            heat does not cool. None, as published: the same for all.
    """

    coupling: float = 0.0
    std: float | None = None

    def __post_init__(self) -> None:
        require_number("thermal_crosstalk.coupling", self.coupling, low=0.0, high=0.2)
        if self.std is not None:
            require_number("thermal_crosstalk.std", self.std, low=1e-9, high=0.2)
            if self.coupling == 0.0:
                raise DeviceError(f"thermal_crosstalk.std: {self.std}; allowed with coupling > 0")

    def draw(self, n_pairs: int, rng: np.random.Generator) -> FloatArray:
        """Fractions of fabricated pairs of neighbours, (n_pairs,)."""
        if self.std is None:
            return np.full(n_pairs, self.coupling)
        return rng.gamma((self.coupling / self.std) ** 2, self.std**2 / self.coupling, n_pairs)

    def describe(self) -> str:
        """What it does, in a few words; empty if nothing."""
        return f"crosstalk {self.coupling:g}" if self.coupling > 0 else ""

    @staticmethod
    def neighbours(column: IntArray, mode: IntArray) -> tuple[IntArray, IntArray]:
        """Pairs (receiver, source) of neighbouring shifters.

        Args:
            column: (n,) column of each shifter.
            mode: (n,) mode of each shifter, >= 0; two in one place are neighbours.

        Returns:
            Two (n_pairs,) index arrays, sorted by receiver, then by source.
        """
        stride = int(mode.max(initial=0)) + 3
        place = column * stride + mode
        order = np.argsort(place, kind="stable")
        ordered = place[order]
        receivers, sources = [], []
        for step in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, -1)]:
            for side in (1, -1) if step != (0, 0) else (1,):
                wanted = place + side * (step[0] * stride + step[1])
                first = np.searchsorted(ordered, wanted)
                count = np.searchsorted(ordered, wanted, side="right") - first
                receiver = np.repeat(np.arange(place.size), count)
                nth = np.arange(receiver.size) - np.repeat(np.cumsum(count) - count, count)
                source = order[first[receiver] + nth]
                receivers.append(receiver[receiver != source])
                sources.append(source[receiver != source])
        receiver, source = np.concatenate(receivers), np.concatenate(sources)
        by_receiver = np.lexsort((source, receiver))
        return receiver[by_receiver], source[by_receiver]


@dataclass(frozen=True)
class MeasuredCrosstalk:
    """Thermal crosstalk as a foundry has measured it: a full matrix in a file, instead of a rule.

    Phases become ``matrix @ phases``, where a rule would add the heat of neighbours. Entry (i, j) is the
    part of phase j that shifter i receives, so that the diagonal is near 1.

    Attributes:
        file: npz file with an array ``crosstalk`` (n, n), n being the number of phase shifters that err.
            They are in the order theta, phi, output and edge shifters of a mesh, and in the order of the
            control vector of a chip, without those that `ideal_singular_values` exempts.
    """

    file: str

    def __post_init__(self) -> None:
        """A run can be continued from another folder."""
        object.__setattr__(self, "file", str(Path(self.file).resolve()))

    def describe(self) -> str:
        """What it does, in a few words."""
        return f"crosstalk of {Path(self.file).name}"

    def sha256(self) -> str:
        """Hash of the file: a run that is continued must find the one it began with.

        Raises:
            DeviceError: the file cannot be read.
        """
        return hashlib.sha256(self._bytes()).hexdigest()

    def _bytes(self) -> bytes:
        try:
            return Path(self.file).read_bytes()
        except OSError as error:
            raise DeviceError(f"measured_crosstalk: {self.file}: {error.strerror or error}") from error

    def matrix(self, n_shifters: int) -> FloatArray:
        """The matrix (n_shifters, n_shifters) of the file.

        Raises:
            DeviceError: a file that cannot be read, or holds anything else.
        """
        data = io.BytesIO(self._bytes())
        try:
            found = load_arrays(data)["crosstalk"]
        except KeyError as error:
            raise DeviceError(f"measured_crosstalk: {self.file}: no array 'crosstalk'") from error
        except DamagedFileError as error:
            raise DeviceError(f"measured_crosstalk: {self.file}: no npz file ({error})") from error
        allowed = f"({n_shifters}, {n_shifters}), a row and a column for each phase shifter that errs"
        if found.shape != (n_shifters, n_shifters):
            raise DeviceError(f"measured_crosstalk: {self.file}: shape {found.shape}; allowed: {allowed}")
        if found.dtype.kind not in "iuf" or not np.isfinite(found).all():
            raise DeviceError(f"measured_crosstalk: {self.file}: allowed: finite real numbers")
        return found.astype(np.float64)

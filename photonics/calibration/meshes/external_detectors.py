"""Calibration of a rectangle with external power detectors [alexiev2021], by sweeps of single shifters.

After the abstract of that paper and its relatives: each theta is swept on the only path that light has from
one input to one output, each phi in an interferometer of cells that are calibrated already. Couplers are
taken for ideal. The order of paths and loops here is our own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.access import MeshReader
from photonzero.photonics.calibration.meshes.model import MeshErrors, MeshModel
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]

_CROSS, _HALF, _BAR = 0.0, 0.5 * math.pi, math.pi
"""Theta of a cell that exchanges its modes, splits them in halves, and leaves them."""

_FIRST_ROUNDS = 2
"""Sweeps of the cells on the first path, where the others may still keep light away."""


def externally_calibrated(reader: MeshReader, n_points: int = 8) -> MeshErrors:
    """Biases of theta and phi shifters of a rectangle; powers say nothing of output shifters, left at 0.

    Args:
        reader: of the mesh, with power detectors.
        n_points: phases of a sweep, evenly over a turn, at least 3.

    Raises:
        PhotonicsError: another mesh, or too few points.
    """
    topology = reader.topology
    if topology.name != "rectangular" or topology.n_modes % 2:
        raise PhotonicsError(f"topology: {topology!r}; allowed: rectangular, with an even number of modes")
    if n_points < 3:
        raise PhotonicsError(f"n_points: {n_points}; allowed: at least 3, to see a sinusoid")
    sweeps = _Sweeps(reader, n_points)
    n = topology.n_modes
    for diagonal in range(0, n, 2):
        # Below the main diagonal light enters at its own input, above it along the upper edge.
        below = [(layer, layer + diagonal) for layer in range(n - 1 - diagonal)]
        bottom = [(layer, n - 2) for layer in range(n - diagonal, n - 1, 2)]
        above = [(layer, layer - diagonal) for layer in range(diagonal, n)]
        top = [(layer, 0) for layer in range(0, diagonal, 2)]
        sweeps.path(below, bottom, diagonal, n - 1)
        if diagonal:
            sweeps.path(above, top, 0, n - diagonal)
    for layer in range(n):
        for mode in range(layer % 2, n - 1, 2):
            sweeps.loop(layer, mode)
    return MeshErrors(sweeps.bias_rad, np.zeros((2, topology.n_mzi)), np.ones(topology.n_shifters))


class _Sweeps:
    """Sweeps of single shifters, and the biases that they have told so far."""

    def __init__(self, reader: MeshReader, n_points: int) -> None:
        self.reader, self.topology = reader, reader.topology
        self.points = reader.on_grid(2.0 * math.pi * np.arange(n_points) / n_points)
        self.bias_rad = np.zeros(self.topology.n_shifters)
        places = zip(self.topology.layer, self.topology.row, strict=True)
        self.cell = {(int(layer), int(row)): k for k, (layer, row) in enumerate(places)}

    def path(
        self, cells: Sequence[tuple[int, int]], bars: Sequence[tuple[int, int]], entry: int, exit_mode: int
    ) -> None:
        """Theta of cells that all must cross for light to come from one input to one output, bars apart."""
        fields = np.zeros(self.topology.n_modes, np.complex128)
        fields[entry] = 1.0
        wanted = dict.fromkeys(bars, _BAR)
        for _ in range(1 if entry or bars else _FIRST_ROUNDS):
            for place in cells:
                shifter = self.cell[place]
                # Light is brightest where theta is 0.
                self.bias_rad[shifter] = self._brightest(self._setting(wanted), shifter, fields, exit_mode)[0]

    def loop(self, layer: int, mode: int) -> None:
        """Phi of a cell, from light that comes to it on both of its modes."""
        k, n = self.topology.n_mzi, self.topology.n_modes
        fields = np.zeros(n, np.complex128)
        wanted = {(layer, mode): _HALF}
        if layer < 2:
            # The first two layers are reached from two inputs.
            inputs = (mode, mode + 1) if layer == 0 else (mode - 1, mode + 2)
            fields[list(inputs)] = 1.0
        else:
            wanted |= {(layer - 2, mode): _HALF, (layer - 1, mode - 1): _BAR, (layer - 1, mode + 1): _BAR}
            fields[self._entry(layer - 2, mode)] = 1.0
        wanted = {place: theta for place, theta in wanted.items() if place in self.cell}
        setting, shifter = self._setting(wanted), k + self.cell[(layer, mode)]
        exit_mode = self._exit(layer + 1, mode)
        seen, _ = self._brightest(setting, shifter, fields, exit_mode)
        model = MeshModel(
            self.topology, MeshErrors(self.bias_rad, np.zeros((2, k)), np.ones(self.bias_rad.size))
        )
        powers = np.abs(model.propagated(*self._swept(setting, shifter, fields))[:, 0, exit_mode]) ** 2
        self.bias_rad[shifter] = seen - self._phase(powers)

    def _setting(self, wanted: dict[tuple[int, int], float]) -> FloatArray:
        """Programmed phases (n_shifters,): cells cross but for those that are told otherwise."""
        phases = -self.bias_rad
        phases[self.topology.n_mzi :] = 0.0
        for place, theta in wanted.items():
            phases[self.cell[place]] += theta
        return phases

    def _swept(self, setting: FloatArray, shifter: int, fields: FieldArray) -> tuple[FloatArray, FieldArray]:
        phases = np.repeat(setting[None], self.points.size, axis=0)
        phases[:, shifter] = self.points
        return self.reader.on_grid(phases), np.broadcast_to(fields, (self.points.size, 1, fields.size))

    def _brightest(
        self, setting: FloatArray, shifter: int, fields: FieldArray, exit_mode: int
    ) -> tuple[float, FloatArray]:
        """Minus the phase at which an output is brightest, and its powers."""
        powers = self.reader.read(*self._swept(setting, shifter, fields))[:, 0, exit_mode]
        return self._phase(powers), powers

    def _phase(self, powers: FloatArray) -> float:
        """Of the sinusoid ``a + b cos(programmed + phase)``."""
        columns = np.stack([np.ones(self.points.size), np.cos(self.points), -np.sin(self.points)], axis=1)
        _, cosine, sine = np.linalg.lstsq(columns, powers, rcond=None)[0]
        return math.atan2(sine, cosine)

    def _entry(self, layer: int, mode: int) -> int:
        """The input whose light comes to a mode before a layer when all cells cross."""
        for before in range(layer - 1, -1, -1):
            mode = self._crossed(before, mode)
        return mode

    def _exit(self, layer: int, mode: int) -> int:
        """The output at which light of a mode before a layer leaves when all cells cross."""
        for behind in range(layer, self.topology.n_layers):
            mode = self._crossed(behind, mode)
        return mode

    def _crossed(self, layer: int, mode: int) -> int:
        if (layer, mode) in self.cell:
            return mode + 1
        return mode - 1 if (layer, mode - 1) in self.cell else mode

"""Thermal crosstalk: heat of one shifter that reaches its neighbours on the chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ThermalCrosstalk:
    """Each phase receives ``coupling`` times the phase of each neighbour on the mesh checkerboard.

    Neighbours of the shifter at (layer, row): (layer, row +- 2) and (layer +- 1, row +- 1), at most
    six [zhao2023tonn]. A shifter at an edge has fewer; nothing comes from outside the mesh.

    Attributes:
        coupling: fraction of a neighbour's phase. Published: 0.005.
    """

    coupling: float = 0.0

    def __post_init__(self) -> None:
        require_number("thermal_crosstalk.coupling", self.coupling, low=0.0, high=0.2)

    @staticmethod
    def neighbours(layer: IntArray, row: IntArray) -> tuple[IntArray, IntArray]:
        """Pairs (receiver, source) of neighbouring shifters.

        Args:
            layer: (n,) layer of each shifter.
            row: (n,) row of each shifter, in modes; no two shifters at one place.

        Returns:
            Two (n_pairs,) index arrays, sorted by receiver.
        """
        place = {(int(x), int(y)): i for i, (x, y) in enumerate(zip(layer, row, strict=True))}
        moves = ((0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1))
        pairs = [
            (i, place[x + dx, y + dy])
            for (x, y), i in place.items()
            for dx, dy in moves
            if (x + dx, y + dy) in place
        ]
        table = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

"""Thermal crosstalk: heat of one shifter that reaches its neighbours on the chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices._check import require_number

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
    """

    coupling: float = 0.0

    def __post_init__(self) -> None:
        require_number("thermal_crosstalk.coupling", self.coupling, low=0.0, high=0.2)

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

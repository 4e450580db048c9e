"""Pictures of meshes: their phases, their transfer matrices and their errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from photonzero.experiments.drawing.style import GREY, figure, wrapped
from photonzero.photonics.mesh.fidelity import fidelity
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.picture import columns
from photonzero.photonics.mesh.topology import MeshTopology

_FULL_TURN = Normalize(-np.pi, np.pi)
_PHASE = ScalarMappable(_FULL_TURN, "twilight")
# Below this amplitude a phase is rounding, and is left blank.
_DARK = 1e-9
# Widest drawing [in]; larger meshes are drawn smaller.
_WIDTH_IN, _HEIGHT_IN = 24.0, 16.0
_LABEL_IN = 0.16
"""Numbers of modes do not touch at this distance [inch]."""


def draw_mesh(path: Path, topology: MeshTopology, phases: MeshPhases, title: str) -> None:
    """A mesh as light sees it: modes as lines from left to right, phases as colours.

    Two vertical strokes are the couplers of an MZI, the square between them is theta; phi is the circle
    before it (asymmetric cells) or the square on the lower arm (symmetric cells). Circles elsewhere
    are the shifters outside the MZIs and at the outputs.

    Args:
        path: PNG to write.
        topology: the mesh.
        phases: of one setting [rad].
        title: above the drawing.
    """
    place, n_columns = columns(topology)
    width = n_columns - 0.4
    pitch = min(0.75, (_WIDTH_IN - 1.5) / width, 2 * (_HEIGHT_IN - 0.8) / topology.n_modes)
    height = 0.5 * pitch * topology.n_modes + 0.8
    with figure(path, max(3.5, pitch * width + 1.5), max(1.8, height)) as drawn:
        axes = drawn.subplots()
        area = (13.0 * pitch) ** 2
        line = {"color": GREY, "linewidth": max(0.4, 1.4 * pitch), "zorder": 1}
        axes.hlines(np.arange(topology.n_modes), -0.7, width + 0.2, **line)
        x, upper, lower = place, topology.row, topology.partner
        stroke = {"color": "black", "linewidth": max(0.5, 2.2 * pitch), "zorder": 2}
        for shift in (-0.2, 0.2):
            axes.vlines(x + shift, upper, lower, **stroke)
        _dots(axes, x, upper, phases.theta_rad, area, "s")
        if topology.cell == "asymmetric":
            _dots(axes, x - 0.38, upper, phases.phi_rad, area, "o")
        else:
            _dots(axes, x, lower, phases.phi_rad, area, "s")
        _dots(
            axes,
            np.full(topology.n_modes, width),
            np.arange(topology.n_modes),
            phases.out_phase_rad,
            area,
            "o",
        )
        if topology.n_edge:
            before = np.array([_left_of(topology, place, layer) for layer in topology.edge_layer])
            _dots(axes, before, topology.edge_row, phases.edge_phase_rad, area, "o")
        axes.set(xlim=(-0.7, width + 0.3), ylim=(topology.n_modes - 0.4, -0.6), xticks=[], title=title)
        named = np.arange(0, topology.n_modes, math.ceil(_LABEL_IN / (0.5 * pitch)))
        axes.set_yticks(named, [str(m) for m in named])
        said = "squares: theta; circles: phi, outputs and edges"
        if topology.cell == "symmetric":
            said = "squares: theta on the upper mode, phi on the lower; circles: outputs and edges"
        axes.set_xlabel(wrapped(said, drawn.get_figwidth() - 1.5))
        axes.tick_params(length=0)
        axes.set_ylabel("mode")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        _phase_bar(drawn, axes)


def draw_transfer_matrix(path: Path, matrix: npt.ArrayLike, title: str) -> None:
    """Amplitudes and phases of a transfer matrix, inputs from left to right, outputs downwards.

    Args:
        path: PNG to write.
        matrix: (N, N) complex.
        title: above the drawing.
    """
    u = np.asarray(matrix)
    with figure(path, 6.4, 3.2) as drawn:
        left, right = drawn.subplots(1, 2)
        amplitude = np.abs(u)
        image = left.imshow(amplitude, cmap="viridis", vmin=0.0)
        drawn.colorbar(image, ax=left, label="amplitude |U|", shrink=0.8, fraction=0.05, pad=0.02)
        phase = np.ma.masked_where(amplitude < _DARK, np.angle(u))
        right.imshow(phase, cmap=_PHASE.get_cmap(), norm=_FULL_TURN)
        _phase_bar(drawn, right, shrink=0.8)
        for axes in (left, right):
            _matrix_axes(axes)
        drawn.suptitle(title, fontsize=9)


def draw_error_map(path: Path, wanted: npt.ArrayLike, realised: npt.ArrayLike, title: str) -> None:
    """Where a realised transfer matrix misses the wanted one, element by element.

    Args:
        path: PNG to write.
        wanted: (N, N) complex.
        realised: (N, N) complex.
        title: above the drawing; the fidelity is added.
    """
    error = np.abs(np.asarray(realised) - np.asarray(wanted))
    with figure(path, 4.0, 3.4) as drawn:
        axes = drawn.subplots()
        image = axes.imshow(error, cmap="magma", vmin=0.0)
        bar = drawn.colorbar(image, ax=axes, label="|realised - wanted|")
        # A power above the bar would meet the title.
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
        _matrix_axes(axes)
        axes.set_title(f"{title}\nfidelity {float(fidelity(wanted, realised)):.6f}")


def _left_of(topology: MeshTopology, place: npt.NDArray[np.int64], layer: int) -> float:
    """Column of a shifter that stands before a layer."""
    inside = place[topology.layer == layer]
    return float(inside.min()) - 0.38 if inside.size else float(place.max()) + 0.38


def _dots(axes: Axes, x: Any, y: Any, phase_rad: npt.NDArray[np.float64], area: float, marker: str) -> None:
    wrapped = np.angle(np.exp(1j * phase_rad))
    axes.scatter(
        x, y, c=wrapped, s=area, marker=marker, cmap=_PHASE.get_cmap(), norm=_FULL_TURN,
        edgecolors="black", linewidths=0.6, zorder=3,
    )  # fmt: skip


def _phase_bar(drawn: Figure, axes: Axes, shrink: float = 1.0) -> None:
    bar = drawn.colorbar(_PHASE, ax=axes, label="phase [rad]", shrink=shrink, fraction=0.05, pad=0.02)
    bar.set_ticks([-np.pi, 0.0, np.pi], labels=["-π", "0", "π"])


def _matrix_axes(axes: Axes) -> None:
    axes.set(xlabel="input mode", ylabel="output mode")
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)

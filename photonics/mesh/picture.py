"""A mesh as a notebook shows it: modes as lines from left to right, MZIs where two of them meet."""

from __future__ import annotations

import html

import numpy as np
import numpy.typing as npt

from photonzero.photonics.mesh.topology import MeshTopology

_PITCH = 24
_LARGEST = 64
"""Modes that are drawn at the most: beyond, a picture shows nothing and takes long."""


def columns(topology: MeshTopology) -> tuple[npt.NDArray[np.int64], int]:
    """Where each MZI stands in a drawing: those of a layer side by side where their modes interleave.

    Returns:
        Column of every MZI, (n_mzi,), and the number of columns.
    """
    place = np.zeros(topology.n_mzi, dtype=np.int64)
    start = 0
    for layer in range(topology.n_layers):
        reach: list[int] = []
        for k in np.flatnonzero(topology.layer == layer):
            free = [column for column, last in enumerate(reach) if last < topology.row[k]]
            column = free[0] if free else len(reach)
            if not free:
                reach.append(-1)
            reach[column] = int(topology.partner[k])
            place[k] = start + column
        start += len(reach)
    return place, start


def svg(topology: MeshTopology) -> str:
    """The mesh as a picture in SVG; empty for more than 64 modes.

    Two vertical strokes are the couplers of an MZI, the square between them its inner phase shifter; circles
    are the shifters at the outputs and outside the MZIs.
    """
    if topology.n_modes > _LARGEST:
        return ""
    place, n_columns = columns(topology)
    width, height = _PITCH * (n_columns + 2), _PITCH * topology.n_modes

    def x_of(column: float) -> float:
        return _PITCH * (column + 1)

    def y_of(mode: int) -> float:
        return _PITCH * (mode + 0.5)

    lines = [f'<path d="M0 {y_of(m)}H{width}"/>' for m in range(topology.n_modes)]
    shapes = []
    for column, upper, lower in zip(place, topology.row, topology.partner, strict=True):
        x = x_of(column)
        lines += [f'<path d="M{x + side} {y_of(upper)}V{y_of(lower)}"/>' for side in (-6, 6)]
        for mode in (upper, lower) if topology.cell == "symmetric" else (upper,):
            shapes.append(f'<rect x="{x - 3}" y="{y_of(mode) - 3}" width="6" height="6"/>')
        if topology.cell == "asymmetric":
            shapes.append(f'<circle cx="{x - 10}" cy="{y_of(upper)}" r="3"/>')
    shapes += [f'<circle cx="{x_of(n_columns)}" cy="{y_of(m)}" r="3"/>' for m in range(topology.n_modes)]
    for layer, mode in zip(topology.edge_layer, topology.edge_row, strict=True):
        behind = place[topology.layer >= layer]
        x = x_of(behind.min() if behind.size else n_columns) - 0.5 * _PITCH
        shapes.append(f'<circle cx="{x}" cy="{y_of(mode)}" r="3"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{min(width, 900)}" '
        f'stroke="currentColor" fill="none">{"".join(lines)}<g fill="#888">{"".join(shapes)}</g></svg>'
    )


def as_html(text: str, topology: MeshTopology) -> str:
    """What a notebook shows of something that is made of a mesh: its repr above the picture."""
    return f"<div><code>{html.escape(text)}</code><br>{svg(topology)}</div>"

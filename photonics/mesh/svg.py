"""A mesh as a small drawing, which a notebook shows by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photonzero.photonics.mesh.topology import MeshTopology

_PITCH_PX, _WIDTH_PX = 16, 14
_GUIDE, _CELL, _SHIFTER = "#7F7F7F", "#0072B2", "#D55E00"
_MAX_MODES = 64


def mesh_svg(topology: MeshTopology) -> str | None:
    """Modes as lines, MZIs as bars between the two modes that meet, shifters outside them as dots.

    MZIs of a layer whose bars would cross stand side by side. Light comes from the left, mode 0 is on top.

    Args:
        topology: the mesh.

    Returns:
        An SVG image; None above 64 modes, where nothing could be seen.
    """
    if topology.n_modes > _MAX_MODES:
        return None
    shapes: list[str] = []
    x = _WIDTH_PX
    starts = []
    for layer in range(topology.n_layers):
        starts.append(x)
        free_from: list[int] = []
        here = topology.layer == layer
        pairs = zip(topology.row[here].tolist(), topology.partner[here].tolist(), strict=True)
        for top, bottom in sorted((min(pair), max(pair)) for pair in pairs):
            side = next((k for k, free in enumerate(free_from) if top >= free), len(free_from))
            free_from[side : side + 1] = [bottom + 1]
            at = x + side * _WIDTH_PX
            shapes.append(_bar(at, _y(top), _y(bottom)))
        x += max(len(free_from), 1) * _WIDTH_PX
    starts.append(x)
    for layer, mode in zip(topology.edge_layer, topology.edge_row, strict=True):
        at = starts[layer] - _WIDTH_PX // 2
        shapes.append(f'<circle cx="{at}" cy="{_y(mode)}" r="3" fill="{_SHIFTER}"/>')
    width, height = x + _WIDTH_PX, _y(topology.n_modes - 1) + _PITCH_PX // 2
    guides = "".join(
        f'<line x1="0" x2="{width}" y1="{_y(mode)}" y2="{_y(mode)}" stroke="{_GUIDE}"/>'
        for mode in range(topology.n_modes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f"<title>{_escaped(repr(topology))}</title>{guides}{''.join(shapes)}</svg>"
    )


def _y(mode: int) -> int:
    return int(mode) * _PITCH_PX + _PITCH_PX // 2


def _bar(x: int, top: int, bottom: int) -> str:
    """Two arms between couplers, drawn as a bar with a dot on each mode."""
    middle = x + _WIDTH_PX // 2
    dots = "".join(f'<circle cx="{middle}" cy="{y}" r="3.5" fill="{_CELL}"/>' for y in (top, bottom))
    line = f'<line x1="{middle}" x2="{middle}" y1="{top}" y2="{bottom}" stroke="{_CELL}" stroke-width="3"/>'
    return line + dots


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

"""A mesh as a small drawing, which a notebook shows by itself."""

from __future__ import annotations

from collections.abc import Sequence

_PITCH_PX, _WIDTH_PX = 16, 14
_GUIDE, _CELL, _SHIFTER = "#7F7F7F", "#0072B2", "#D55E00"
_MAX_MODES = 64


def mesh_svg(
    n_modes: int, layers: Sequence[Sequence[tuple[int, int]]], edges: Sequence[tuple[int, int]], title: str
) -> str | None:
    """Modes as lines, MZIs as bars between the two modes that meet, shifters outside them as dots.

    MZIs of a layer whose bars would cross stand side by side. Light comes from the left, mode 0 is on top.

    Args:
        n_modes: N.
        layers: for each layer the pairs of modes that meet.
        edges: (layer, mode) of further phase shifters: before which layer, on which mode.
        title: what a pointer that rests on it is told.

    Returns:
        An SVG image; None above 64 modes, where nothing could be seen.
    """
    if n_modes > _MAX_MODES:
        return None
    shapes: list[str] = []
    x = _WIDTH_PX
    starts = []
    for pairs in layers:
        starts.append(x)
        free_from: list[int] = []
        for top, bottom in sorted((min(pair), max(pair)) for pair in pairs):
            side = next((k for k, free in enumerate(free_from) if top >= free), len(free_from))
            free_from[side : side + 1] = [bottom + 1]
            shapes.append(_bar(x + side * _WIDTH_PX, _y(top), _y(bottom)))
        x += max(len(free_from), 1) * _WIDTH_PX
    starts.append(x)
    for layer, mode in edges:
        at = starts[layer] - _WIDTH_PX // 2
        shapes.append(f'<circle cx="{at}" cy="{_y(mode)}" r="3" fill="{_SHIFTER}"/>')
    width, height = x + _WIDTH_PX, _y(n_modes - 1) + _PITCH_PX // 2
    guides = "".join(
        f'<line x1="0" x2="{width}" y1="{_y(mode)}" y2="{_y(mode)}" stroke="{_GUIDE}"/>'
        for mode in range(n_modes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f"<title>{_escaped(title)}</title>{guides}{''.join(shapes)}</svg>"
    )


def _y(mode: int) -> int:
    return mode * _PITCH_PX + _PITCH_PX // 2


def _bar(x: int, top: int, bottom: int) -> str:
    """Two arms between couplers, drawn as a bar with a dot on each mode."""
    middle = x + _WIDTH_PX // 2
    dots = "".join(f'<circle cx="{middle}" cy="{y}" r="3.5" fill="{_CELL}"/>' for y in (top, bottom))
    line = f'<line x1="{middle}" x2="{middle}" y1="{top}" y2="{bottom}" stroke="{_CELL}" stroke-width="3"/>'
    return line + dots


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

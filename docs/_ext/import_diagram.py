"""The picture of folders and imports on the page of the architecture, drawn from the code as it is."""

from __future__ import annotations

import ast
import io
from collections import Counter
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
ROOMS = ("devices", "photonics", "training", "experiments")
PICTURE = Path("explanation", "imports.svg")


def arrows() -> Counter[tuple[str, str]]:
    """How many imports lead from one folder to another, by pairs of names such as "photonics/chip".

    Modules that lie in a room itself count as the room.
    """
    found: Counter[tuple[str, str]] = Counter()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            own = _folder(path.relative_to(ROOT).parent.parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("photonzero."):
                    parts = (node.module or "").split(".")[1:]
                    is_folder = (ROOT / Path(*parts)).is_dir()
                    other = _folder(parts if is_folder else parts[:-1])
                    if parts[0] in ROOMS and other != own:
                        found[own, other] += 1
    return found


def _folder(parts: tuple[str, ...] | list[str]) -> str:
    return "/".join(parts[:2])


def _order(room: str, found: Counter[tuple[str, str]]) -> list[str]:
    """Folders of a room, those first that import the least of the ones still to come."""
    left = sorted({folder for pair in found for folder in pair if folder.split("/")[0] == room} | {room})
    ordered = []
    while left:
        first = min(left, key=lambda own: (sum(found[own, other] for other in left), own))
        left.remove(first)
        ordered.append(first)
    return ordered


def draw(found: Counter[tuple[str, str]]) -> str:
    """The picture as SVG: a row a folder that imports, a column one that is imported, numbers of imports."""
    import matplotlib
    import matplotlib.patches
    from matplotlib.figure import Figure

    folders = [folder for room in ROOMS for folder in _order(room, found)]
    place = {folder: k for k, folder in enumerate(folders)}
    colours = dict(zip(ROOMS, ("#5b8a72", "#4a7ab0", "#b07a4a", "#8a6d9e"), strict=True))
    n = len(folders)
    figure = Figure(figsize=(9.5, 9.5))
    axes = figure.add_axes((0.17, 0.01, 0.82, 0.82))
    for room in ROOMS:
        own = [place[folder] for folder in folders if folder.split("/")[0] == room]
        low, size = own[0] - 0.5, len(own)
        axes.add_patch(
            matplotlib.patches.Rectangle((low, low), size, size, facecolor=colours[room], alpha=0.12)
        )
        axes.axhline(low, color="#bbbbbb", linewidth=0.6)
        axes.axvline(low, color="#bbbbbb", linewidth=0.6)
    for (own, other), count in found.items():
        colour, x, y = colours[own.split("/")[0]], place[other], place[own]
        axes.add_patch(matplotlib.patches.Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, facecolor=colour))
        axes.text(x, y, str(count), ha="center", va="center", fontsize=6.5, color="white")
    axes.plot([-0.5, n - 0.5], [-0.5, n - 0.5], color="#dddddd", linewidth=0.8, zorder=0)
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(n), folders, rotation=90, fontsize=8)
    axes.set_yticks(range(n), folders, fontsize=8)
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        for tick, folder in zip(ticks, folders, strict=True):
            tick.set_color(colours[folder.split("/")[0]])
    axes.tick_params(length=0)
    written = io.StringIO()
    # No date and no random names: the same code draws the same file.
    with matplotlib.rc_context({"svg.hashsalt": "photonzero", "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None}, facecolor="white")
    return written.getvalue()


def write_picture(app: Sphinx) -> None:
    """Draw before pages are read; a picture that is the same is left alone."""
    path, picture = Path(app.srcdir) / PICTURE, draw(arrows())
    if not path.exists() or path.read_text(encoding="utf-8") != picture:
        path.write_text(picture, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("builder-inited", write_picture)
    return {"parallel_read_safe": True}

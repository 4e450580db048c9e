"""What a reader would find wrong with a drawn figure: texts that overlap, or leave the canvas."""

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

_SLACK_PX = 2.0
"""Boxes around letters are a little larger than the ink."""


def faults(drawn, monkeypatch):
    """Texts that overlap another or leave the canvas, each as a line."""
    seen = {}
    plain = Text.draw

    def recorded(self, renderer):
        # Ticks beyond the axes' limits exist and are never drawn: what is drawn is what counts.
        if self.get_visible() and self.get_text().strip():
            seen[id(self)] = (self, self.get_window_extent(renderer))
        return plain(self, renderer)

    canvas = FigureCanvasAgg(drawn)
    with monkeypatch.context() as patched:
        canvas.draw()
        patched.setattr(Text, "draw", recorded)
        canvas.draw()
    width, height = canvas.get_width_height()
    found = []
    for text, box in seen.values():
        if min(box.x0, box.y0) < -_SLACK_PX or box.x1 > width + _SLACK_PX or box.y1 > height + _SLACK_PX:
            found.append(f"{text.get_text()!r} leaves the canvas")
    for (one, a), (other, b) in combinations(seen.values(), 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > _SLACK_PX and high > _SLACK_PX:
            found.append(f"{one.get_text()!r} overlaps {other.get_text()!r}")
    return found

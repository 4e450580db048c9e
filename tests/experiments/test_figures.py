"""Figures in the project's style."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from photonzero.experiments.drawing.run_figures import draw_controls
from photonzero.experiments.drawing.style import picture
from photonzero.training.oracle import ControlGroup


def test_a_picture_shows_itself_and_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    with picture(2.0, 1.0) as drawn:
        assert matplotlib.rcParams["axes.grid"]
        drawn.subplots().plot([0, 1])
    assert dict(matplotlib.rcParams) == before
    assert drawn._repr_png_().startswith(b"\x89PNG")


def test_drawing_needs_no_pyplot():
    code = "import sys, photonzero.experiments.drawing.run_figures; print('matplotlib.pyplot' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_a_phase_brought_within_one_turn_has_not_moved(monkeypatch, tmp_path):
    drawn = []
    plain = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **how: (drawn.append(self), plain(self, *a, **how))
    )
    groups = {"U": ControlGroup(0, 2, "phase", 0.0, 1.0), "bias": ControlGroup(2, 4, "digital", 0.0, 1.0)}
    before = np.array([-3.0, 9.0, 0.0, 0.0])
    after = before + np.array([2 * np.pi + 0.3, -4 * np.pi - 0.3, 7.0, 7.0])
    draw_controls(tmp_path / "controls.png", "a run", groups, before, after)
    widths = {axes.get_xlabel(): axes.patches[-1].get_width() for axes in drawn[0].axes[1::2]}
    # To rounding of numbers of the size of ten. A digital control has no turns.
    assert widths["rms change of phases, modulo 2π [rad]"] == pytest.approx(0.3, abs=1e-12)
    assert widths["rms change of digital controls"] == pytest.approx(7.0)

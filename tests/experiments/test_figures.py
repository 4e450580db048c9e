"""Figures in the project's style."""

import subprocess
import sys

import matplotlib

from photonzero.experiments.drawing.style import picture


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

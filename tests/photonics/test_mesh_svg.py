"""The drawing of a mesh in a notebook."""

import xml.etree.ElementTree as ET

import pytest

from photonzero.photonics.mesh import TOPOLOGIES, mesh


@pytest.mark.parametrize("name", TOPOLOGIES.names())
def test_it_shows_every_mode_every_mzi_and_every_shifter_outside_them(name):
    topology = mesh(name, 8)
    text = topology._repr_svg_()
    assert text is not None
    shapes = list(ET.fromstring(text))
    lines = [dict(shape.attrib) for shape in shapes if shape.tag.endswith("line")]
    dots = [shape for shape in shapes if shape.tag.endswith("circle")]
    bars = [line for line in lines if line["x1"] == line["x2"]]
    assert len(lines) - len(bars) == 8
    assert len(bars) == topology.n_mzi
    assert len(dots) == 2 * topology.n_mzi + topology.n_edge
    # No bar lies on another one.
    places = [(line["x1"], range(int(line["y1"]), int(line["y2"]) + 1)) for line in bars]
    for k, (x, span) in enumerate(places):
        for other_x, other in places[:k]:
            assert x != other_x or span.start > other[-1] or other.start > span[-1]


def test_a_mesh_too_large_to_be_seen_is_told_in_words():
    assert mesh("rectangular", 128)._repr_svg_() is None
    assert "8128 asymmetric MZIs in 128 layers" in repr(mesh("rectangular", 128))

"""What a notebook shows of a mesh: every part once, each in its place."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.mesh import TOPOLOGIES, fabricate_mesh, mesh
from photonzero.photonics.mesh.picture import columns, svg

NAMES = list(TOPOLOGIES)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", NAMES)
def test_all_parts_are_drawn_once(name):
    topology = mesh(name, 8)
    drawn = ET.fromstring(svg(topology))
    squares = drawn.findall(f".//{SVG}rect")
    circles = drawn.findall(f".//{SVG}circle")
    symmetric = topology.cell == "symmetric"
    assert len(squares) == topology.n_mzi * (2 if symmetric else 1)
    assert len(squares) + len(circles) == topology.n_shifters
    assert len(drawn.findall(f"{SVG}path")) == topology.n_modes + 2 * topology.n_mzi
    places = {(shape.get("cx"), shape.get("cy")) for shape in circles}
    assert len(places) == len(circles)


@pytest.mark.parametrize("name", NAMES)
def test_cells_that_overlap_stand_side_by_side(name):
    topology = mesh(name, 8)
    place, n_columns = columns(topology)
    assert set(place) == set(range(n_columns))
    for a in range(topology.n_mzi):
        for b in range(a):
            if place[a] == place[b]:
                assert topology.row[a] > topology.partner[b] or topology.row[b] > topology.partner[a]


def test_a_planar_mesh_needs_one_column_a_layer():
    topology = mesh("rectangular", 6)
    np.testing.assert_array_equal(columns(topology)[0], topology.layer)


def test_a_notebook_shows_text_and_picture_and_no_picture_of_thousands():
    topology = mesh("rectangular", 4)
    shown = topology._repr_html_()
    assert "6 asymmetric MZIs in 4 layers" in shown
    assert "<svg" in shown
    assert "bias +-1 rad" in fabricate_mesh(topology, preset("published"))._repr_html_()
    assert "<svg" not in mesh("rectangular", 65)._repr_html_()

"""The site that CI has built: all that is public has a place, all that can run ran, and it can be searched.

PHOTONZERO_SITE names its folder; without it there is nothing to look at.
"""

import json
import os
import re
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

pytestmark = pytest.mark.skipif("PHOTONZERO_SITE" not in os.environ, reason="no site was built")
TUTORIALS = ("mesh", "foundry-chip", "own-pde", "optics-learn", "own-optimizer", "unknown-chip")


@pytest.fixture(scope="module")
def site():
    return Path(os.environ["PHOTONZERO_SITE"])


@pytest.fixture(scope="module")
def places(site):
    """Page of every Python name that the site explains, from the table that other sites link by."""
    table = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(table).decode().splitlines()
    return {line.split()[0]: line.split()[3].partition("#")[0] for line in lines if " py:" in line}


def test_every_public_name_has_a_page(site, places):
    from api_pages import front_door, public_names

    names = public_names()
    assert len(names) > 700
    assert [name for name in names if name not in places] == []
    assert [
        name for name in front_door() if places[f"photonzero.{name}"] != f"reference/api/pz.{name}.html"
    ] == []
    assert all((site / page).exists() for page in set(places.values()))


def test_every_block_and_every_notebook_ran(site):
    from code_blocks import blocks_of

    ran = json.loads((site / "ran.json").read_text())
    pages = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "docs").rglob("*.md")
        if not path.relative_to(ROOT / "docs").parts[0].startswith("_")
    }
    assert ran["blocks"] == {name: len(blocks_of(text)) for name, text in pages.items() if blocks_of(text)}
    notebooks = {name for name, text in pages.items() if "{code-cell}" in text}
    assert set(ran["notebooks"]) == notebooks >= {f"tutorials/{name}" for name in TUTORIALS}


def test_search_finds_crosstalk_and_the_tutorials(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(")
    held = json.loads(index[len("Search.setIndex(") : -1])
    # A word of a title is listed there alone.
    found = [held[where].get("crosstalk", []) for where in ("terms", "titleterms")]
    pages = {held["docnames"][k] for own in found for k in ([own] if isinstance(own, int) else own)}
    assert {"reference/devices", "reference/api/photonzero.devices.crosstalk"} <= pages
    assert {f"tutorials/{name}" for name in TUTORIALS} <= set(held["docnames"])


def test_pages_ask_nothing_of_other_machines_but_mathematics(site):
    """A page may link anywhere; what it loads by itself is its own, MathJax apart."""
    loads = re.compile(r'<(?:script|img|link rel="stylesheet"|iframe)[^>]*(?:src|href)="(https?:[^"]+)"')
    foreign = {
        found
        for page in site.rglob("*.html")
        for found in loads.findall(page.read_text(encoding="utf-8"))
        if "mathjax" not in found
    }
    assert not foreign

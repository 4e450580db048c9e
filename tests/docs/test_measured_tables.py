"""Tables of measurements in the manual and the README are those that the files in docs/results make."""

import re
import sys

import pytest

from tests.docs.test_pages import PAGES, ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from measured_tables import BLOCK, TABLES, with_tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_s_tables_are_those_of_the_files(page):
    text = page.read_text(encoding="utf-8")
    assert with_tables(text) == text, "python docs/_ext/measured_tables.py writes them anew"


def test_every_table_stands_on_one_page():
    found = [name for page in PAGES for _, name, _, _ in BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(TABLES)


def test_every_figure_is_in_the_gallery_with_the_command_that_makes_it():
    folder = ROOT / "docs" / "results"
    sections = (folder / "gallery.md").read_text(encoding="utf-8").split("\n## ")[1:]
    shown = [re.search(r"\]\(figures/([\w-]+\.png)\)", section)[1] for section in sections]
    assert sorted(shown) == sorted(path.name for path in (folder / "figures").iterdir())
    assert all(re.search(r"```sh\nphotonzero ", section) for section in sections)

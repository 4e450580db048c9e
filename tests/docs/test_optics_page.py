"""Tables of what optics learn, in manual and README, are those of the runs in optics.csv."""

import re

import pytest

from photonzero.experiments.tables.comparison import read_lines
from photonzero.experiments.tables.optics import TASKS, markdown
from tests.docs.test_pages import PAGES, ROOT

LINES = read_lines(ROOT / "docs" / "results" / "optics.csv")
BLOCK = re.compile(r"<!-- optics\.csv ?(.*?) ?-->\n(.*?)<!-- end -->", flags=re.DOTALL)


def table_of(names):
    """The table of some rows, of all where none is named, in the order of optics.toml."""
    chosen = names.split() or list(TASKS)
    return (
        markdown([line for name in TASKS for line in LINES if line["row"] == name and name in chosen]) + "\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_s_tables_are_those_of_the_runs(page):
    for names, found in BLOCK.findall(page.read_text(encoding="utf-8")):
        assert found == table_of(names)


def test_the_manual_and_the_readme_have_one():
    for page in (ROOT / "README.md", ROOT / "docs" / "results" / "optics.md"):
        assert BLOCK.search(page.read_text(encoding="utf-8"))


def test_no_seed_of_a_row_is_left_out():
    runs = {(line["row"], line["way"]) for line in LINES}
    seeds = {run: sorted(own["seed"] for own in LINES if (own["row"], own["way"]) == run) for run in runs}
    assert all(len(own) >= 3 and own == list(range(len(own))) for own in seeds.values())

"""What the pages name is there: files, modules and their contents, links."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = "devices|photonics|training|experiments|photonzero|tests|examples|docs"


def in_code(page):
    """Everything between single backticks, outside of blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def exists(dotted):
    """Whether a.b.C is a module, or something in one."""
    parts = dotted.split(".")
    for k in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        try:
            for name in parts[k:]:
                thing = getattr(thing, name)
        except AttributeError:
            return False
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_exist(page):
    missing = []
    for code in in_code(page):
        path = re.fullmatch(rf"(?:{ROOMS})/[\w./-]*", code)
        name = re.match(r"photonzero(?:\.\w+)+", code)
        if path and not (ROOT / code).exists():
            missing.append(code)
        if name and not exists(name[0]):
            missing.append(name[0])
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_imported_in_blocks_exist(page):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"^\s*(?:from|import) (photonzero[\w.]*)", "\n".join(blocks), flags=re.MULTILINE)
    assert [name for name in named if not exists(name)] == []

"""Pages of the reference for every public name, written before Sphinx reads what there is to read.

A name of the front door has a page of its own. Every other one stands on the page of the module that makes
it; a package's page leads to those that it hands on.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
ROOMS = ("photonzero", "devices", "photonics", "training", "experiments")
PLACE = Path("reference", "api")


@dataclass(frozen=True)
class Module:
    """A public module, as its file says, without importing it.

    Attributes:
        name: "photonzero.photonics.mesh.cell".
        made: public classes and functions that it defines.
        handed_on: names of `__all__` that other modules define, each with its home.
        summary: first line of its docstring.
    """

    name: str
    made: tuple[str, ...]
    handed_on: dict[str, str]
    summary: str


def public_modules() -> list[Module]:
    """All modules no part of whose name begins with an underscore, in order of their names."""
    modules = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            # photonzero/ holds links to the rooms, which come under their own names.
            if room == "photonzero" and len(parts) > 2:
                continue
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part.startswith("_") for part in parts):
                modules.append(
                    _read(path, ".".join(parts if room == "photonzero" else ("photonzero", *parts)))
                )
    return sorted(modules, key=lambda module: module.name)


def _read(path: Path, name: str) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    made = tuple(
        node.name
        for node in tree.body
        if isinstance(node, kinds) and node.name[0] != "_" and not _is_command(node)
    )
    homes = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    listed: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = [item.value for item in node.value.elts] if isinstance(node.value, ast.List) else []  # pyright: ignore[reportAssignmentType]
    handed_on = {own: homes[own] for own in listed if own in homes}
    return Module(name, made, handed_on, (ast.get_docstring(tree) or "").partition("\n")[0])


def _is_command(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether click makes a command of it, which explains itself by `--help`."""
    made_by = [ast.unparse(own.func) for own in node.decorator_list if isinstance(own, ast.Call)]
    return any(maker.rpartition(".")[2] in {"command", "group"} for maker in made_by)


def front_door() -> list[str]:
    """Names of `import photonzero as pz`."""
    import photonzero

    return [name for name in photonzero.__all__ if not name.startswith("__")]


def public_names() -> list[str]:
    """What the site must have a place for: the front door, and all that public modules define."""
    own = [f"photonzero.{name}" for name in front_door()]
    return own + [f"{module.name}.{name}" for module in public_modules() for name in module.made]


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def _write(path: Path, text: str) -> None:
    """Only what has changed: Sphinx reads again what is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    """Write the pages of the reference and take away those of modules that are gone."""
    import photonzero

    folder = Path(app.srcdir) / PLACE
    modules = [module for module in public_modules() if module.name != "photonzero"]
    summaries = {module.name: module.summary for module in modules}
    pages = {}
    for name in front_door():
        thing = getattr(photonzero, name)
        kind = "autoclass" if isinstance(thing, type) else "autofunction"
        members = "   :members:\n   :inherited-members: object\n" if kind == "autoclass" else ""
        summaries[f"pz.{name}"] = (thing.__doc__ or "").strip().partition("\n")[0]
        pages[f"pz.{name}"] = _title(f"pz.{name}") + f".. {kind}:: photonzero.{name}\n{members}"
    for module in modules:
        below = [own.name for own in modules if own.name.rpartition(".")[0] == module.name]
        text = (
            _title(module.name) + f".. automodule:: {module.name}\n   :members:\n   :ignore-module-all:\n\n"
        )
        if module.handed_on:
            text += ".. rubric:: Handed on\n\n"
            text += "".join(f"- :py:obj:`{own} <{home}>`\n" for own, home in module.handed_on.items()) + "\n"
        pages[module.name] = text + _list(below, "Modules", summaries)
    # Not in the tree of the side bar, whose hundreds of lines would stand on every page.
    pages = {name: f":orphan:\n\n{text}" for name, text in pages.items()}
    rooms = [module.name for module in modules if module.name.count(".") == 1]
    pages["index"] = _title("Every public name") + _INTRODUCTION
    pages["index"] += _list(
        [f"pz.{name}" for name in front_door()], "The front door, ``import photonzero as pz``", summaries
    )
    pages["index"] += _list(rooms, "The rooms behind it", summaries)
    for name, text in pages.items():
        _write(folder / f"{name}.rst", text)
    for path in folder.glob("*.rst"):
        if path.stem not in pages:
            path.unlink()


_INTRODUCTION = (
    "Written from the code while this site was built. Names that begin with an underscore are private.\n\n"
)


def _list(pages: list[str], heading: str, summaries: dict[str, str]) -> str:
    if not pages:
        return ""
    lines = [
        f"- :doc:`{page}`{': ' if summaries.get(page) else ''}{_plain(summaries.get(page, ''))}\n"
        for page in pages
    ]
    return f".. rubric:: {heading}\n\n{''.join(lines)}\n"


_CODE = re.compile(r"(?<!`)(?<!:)`([^`\n]+)`(?!`)|``[^`]+``")


def as_restructured_text(lines: list[str]) -> list[str]:
    """A docstring as reStructuredText reads it: plain text but for code in backticks.

    Single backticks become code, or links where they name something of the project. Bars, stars and trailing
    underscores are mathematics here, no markup. Blocks behind a double colon stay as they are.
    """
    written, block = [], None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is None:
            if line.rstrip().endswith("::"):
                block = indent
            line = _plain(line)
        written.append(line)
    return written


def _plain(line: str) -> str:
    """A line outside of blocks; what stands between code is escaped."""
    parts, end = [], 0
    for found in _CODE.finditer(line):
        parts += [_escaped(line[end : found.start()]), _linked(found)]
        end = found.end()
    return "".join([*parts, _escaped(line[end:])])


def _escaped(text: str) -> str:
    # Stars at the beginning of a line are those of **options in a list of arguments.
    text = re.sub(r"(?<=\S)\*|(?<=\S )\*", r"\\*", text)
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", text).replace("|", r"\|")


def _linked(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    return f":py:obj:`{found[1]}`" if re.fullmatch(r"photonzero(\.\w+)+", found[1]) else f"``{found[1]}``"


def _process(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = as_restructured_text(lines)


def _skip(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """Leaves out what a class has from other libraries."""
    home = getattr(thing, "__module__", None)
    return True if home and not home.startswith("photonzero") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("builder-inited", write_pages)
    # Before napoleon, which is at 500, reads the sections.
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}

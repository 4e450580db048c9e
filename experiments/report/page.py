"""Pieces of a self-contained HTML page: tables, figures, code; light and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.json_file import read_json

_CSS = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #fdfdfc;
        --soft: #5c5c5c; --line: #dcdcd8; --tint: #f2f2ee; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e3; --back: #161719; --soft: #a3a3a0; --line: #35373b; --tint: #1f2124; }
}
body { margin: 2.5rem auto; padding: 0 1.25rem; max-width: 60rem; color: var(--text); background: var(--back);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.lead { margin: 0; color: var(--soft); }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; padding: .6rem; border: 1px solid var(--line);
             border-radius: 6px; box-sizing: border-box; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line);
         white-space: nowrap; }
th { font-weight: 600; }
td.number, th.number { text-align: right; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 6px; padding: .8rem;
      overflow-x: auto; font: .85rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
details summary { cursor: pointer; }
""".strip()


def section(title: str, *content: str) -> str:
    """A titled part of a page; empty if it has no content."""
    body = "\n".join(part for part in content if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def code(text: str) -> str:
    """Text as it is."""
    return f"<pre><code>{escape(text.rstrip())}</code></pre>"


def folded(summary: str, content: str) -> str:
    """Content that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; numbers are right-aligned and have four digits."""
    body = [list(row) for row in rows]
    numeric = [all(_is_number(row[k]) for row in body if row[k] is not None) for k in range(len(header))]
    mark = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(f"<th{m}>{escape(name)}</th>" for m, name in zip(mark, header, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{m}>{escape(cell(v))}</td>" for m, v in zip(mark, row, strict=True)) + "</tr>"
        for row in body
    ]
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody>\n</table></div>"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if _is_number(value) else str(value)


def picture(path: Path, caption: str) -> str:
    """A PNG inside the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure>\n<img alt="{escape(caption)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def page(title: str, lead: str, sections: Iterable[str]) -> str:
    """The page: no script, no font, nothing from elsewhere."""
    body = "\n".join(part for part in sections if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_CSS}\n</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n{body}\n</body>\n</html>\n'
    )


def read_result(path: Path, what: str) -> dict[str, Any]:
    """result.json of a finished run or study.

    Raises:
        UsageError: missing, so it is not finished; or damaged.
    """
    if not path.is_file():
        raise UsageError(f"{path.parent}: the {what} is not finished ({path.name} is missing)")
    return read_json(path)


@contextmanager
def from_files(folder: Path) -> Iterator[None]:
    """What a page is made of may have been changed by hand: whatever fails is an error of the folder's files.

    Raises:
        UsageError: names the folder, and what could not be made sense of.
    """
    try:
        yield
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{folder}: damaged ({type(error).__name__}: {error}); allowed: files as they were written"
        ) from error


def made_by(result: dict[str, Any]) -> str:
    """Versions and commit, as a table."""
    rows = [*result["versions"].items(), ("commit", result.get("git") or "installed copy")]
    return table(("what", "version"), rows)

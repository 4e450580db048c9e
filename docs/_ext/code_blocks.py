"""Python blocks of pages that are no notebooks run while the site is built, a page from first to last."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

_BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_LOG = logging.getLogger(__name__)


def blocks_of(text: str) -> list[str]:
    """Python blocks of a page, none of a notebook, whose cells are run as such."""
    return [] if text.startswith("---\nfile_format: mystnb") else _BLOCK.findall(text)


def run_blocks(app: Sphinx) -> None:
    """Run what has not run yet with this text and this code.

    Raises:
        ExtensionError: a block fails.
    """
    source, kept = Path(app.srcdir), Path(app.config.nb_execution_cache_path) / "blocks"
    kept.mkdir(parents=True, exist_ok=True)
    ran = {}
    for page in sorted(source.rglob("*.md")):
        name = page.relative_to(source).with_suffix("").as_posix()
        blocks = blocks_of(page.read_text(encoding="utf-8"))
        if name.startswith("_") or not blocks:
            continue
        code = "\n".join(blocks)
        done = kept / hashlib.sha256(code.encode()).hexdigest()[:16]
        if not done.exists():
            _LOG.info("running the blocks of %s", name)
            _run(name, code)
            done.touch()
        ran[name] = len(blocks)
    app.env.photonzero_blocks = ran  # pyright: ignore[reportAttributeAccessIssue]


def _run(name: str, code: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "page.py"
        script.write_text(code, encoding="utf-8")
        ended = subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True)
    if ended.returncode:
        raise ExtensionError(f"{name}: a block of Python fails\n{ended.stderr}")


def write_record(app: Sphinx, failure: Exception | None) -> None:
    """Write beside the pages what ran: blocks of each page, seconds of each notebook."""
    if failure is not None or app.builder.format != "html":
        return
    notebooks = {
        name: data["exec_data"]
        for name, data in app.env.nb_metadata.items()  # pyright: ignore[reportAttributeAccessIssue]
        if "exec_data" in data
    }
    record = {
        "blocks": app.env.photonzero_blocks,  # pyright: ignore[reportAttributeAccessIssue]
        "notebooks": {name: data["runtime"] for name, data in notebooks.items() if data["succeeded"]},
    }
    Path(app.outdir, "ran.json").write_text(json.dumps(record, indent=2), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("builder-inited", run_blocks)
    app.connect("build-finished", write_record)
    return {"parallel_read_safe": True}

"""How Sphinx makes the site of the manual; `.ci/run` has the command."""

import hashlib
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "photonzero"
author = "The photonzero developers"
version = release = installed_version("photonzero")
project_copyright = author

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "api_pages",
    "code_blocks",
    "import_diagram",
    "record_of_results",
]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"photonzero {release}"
html_copy_source = False

# A single backtick of a docstring is code.
default_role = "code"
# Some parts have an attribute named slice, and a signature that says Python's is no link to either.
suppress_warnings = ["ref.python"]
autodoc_typehints = "none"  # signatures carry them, as written
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4


def _hash_of_code() -> str:
    """Of all that a page could run: what is kept of a page's run is that of this code."""
    digest = hashlib.sha256()
    for room in ("photonzero", "devices", "photonics", "training", "experiments"):
        for path in sorted((HERE.parent / room).rglob("*")):
            if path.suffix in {".py", ".toml"} and path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# A page runs again where its text or the code has changed.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "ran" / _hash_of_code())
nb_execution_raise_on_error = True
nb_execution_in_temp = True
# A cell, in seconds. A tutorial takes some ten on a core of its own, but others may run beside it.
nb_execution_timeout = 600
nb_merge_streams = True

# One thread for matrix products: the seconds that pages show are those of one core.
for name in ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

"""The front door: lazy, complete, the same for editors as at run time."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import photonzero as pz


def test_importing_it_loads_nothing_heavy():
    code = "import sys, photonzero; dir(photonzero); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert not names & {"numpy", "scipy", "numba", "matplotlib", "click", "rich", "msgspec"}
    assert not [name for name in names if name.startswith("photonzero.")]


def test_every_name_is_there_and_stays():
    for name in pz.__all__:
        assert getattr(pz, name) is getattr(pz, name)
    assert set(pz.__all__) <= set(dir(pz))
    assert all(getattr(pz, room).__name__ == f"photonzero.{room}" for room in ("devices", "training"))


def test_editors_are_told_the_same_as_the_interpreter():
    tree = ast.parse(Path(pz.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.name: node.module for alias in node.names}
    assert told == pz._HOMES
    assert [*pz._HOMES, "__version__"] == pz.__all__


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match="photonzero: no 'fabricat'; allowed: mesh, "):
        _ = pz.fabricat


def test_it_says_its_version():
    assert pz.__version__.count(".") >= 2

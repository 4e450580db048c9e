"""The examples of docs/reference/python.md run as they stand."""

import re
from pathlib import Path

import pytest

import photonzero as pz

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 2
    scope: dict = {}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), scope)
    assert "problem heat" in capsys.readouterr().out
    assert Path("heat.png").stat().st_size > 10_000
    assert scope["run"].config.own.points.n_test == 500


def test_every_name_of_the_front_door_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in pz.__all__ if f"pz.{name}" not in text and not name.startswith("__")]
    assert not missing


@pytest.mark.parametrize("name", sorted(set(re.findall(r"pz\.(\w+)", PAGE.read_text(encoding="utf-8")))))
def test_every_name_on_the_page_is_there(name):
    assert name in pz.__all__

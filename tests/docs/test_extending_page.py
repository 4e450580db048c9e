"""Every file of docs/how-to/extending.md is written, and every command on the page run."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from photonzero.experiments import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file (\S+) -->\n```\w+\n(.*?)```", TEXT, flags=re.DOTALL))
COMMANDS = [
    line
    for block in re.findall(r"<!-- run -->\n```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("own_chip.py").write_text((ROOT / "examples" / "own_chip.py").read_text(encoding="utf-8"))


def run(monkeypatch, command):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    cli.main()


def test_every_kind_has_a_file_and_a_command():
    kinds = ("mesh", "chip", "core", "cores", "pde", "optimizer", "rule", "study", "callback", "noise")
    assert {Path(name).stem for name in FILES} == {f"my_{kind}" for kind in kinds}
    used = "\n".join((*COMMANDS, FILES["my_noise.toml"], FILES["my_cores.toml"]))
    assert all(name in used for name in FILES)


@pytest.mark.parametrize("command", [command for command in COMMANDS if " report " not in command])
def test_the_command_runs(command, files, monkeypatch):
    run(monkeypatch, command)


def test_the_study_is_reported(files, monkeypatch):
    sweep, report = (c for c in COMMANDS if "programming" in c)
    run(monkeypatch, sweep)
    run(monkeypatch, report)
    assert "programming" in Path("runs/programming/report.html").read_text(encoding="utf-8")


def test_the_lines_are_counted(files):
    for kind, counted in re.findall(r"^\| ([\w' ]+) \| (\d+) \|", TEXT, flags=re.MULTILINE):
        words = {"topology": "my_mesh.py", "chip design": "my_chip.toml", "chip of one's own": "own_chip.py",
                 "kind of core": "my_core.py",
                 "PDE": "my_pde.py", "optimizer": "my_optimizer.py", "stencil rule": "my_rule.py",
                 "study": "my_study.py", "callback": "my_callback.py",
                 "noise part": "my_noise.py"}  # fmt: skip
        text = Path(words[kind]).read_text(encoding="utf-8")
        assert int(counted) == sum(bool(line.strip()) for line in text.splitlines()), kind

"""What stands beside pyproject.toml says the same: citation, recipe, container, changelog."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines_of(path):
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


def test_every_file_has_the_version():
    assert f"version: {PROJECT['version']}" in lines_of("CITATION.cff")
    assert f"  version: {PROJECT['version']}" in lines_of("packaging/conda/meta.yaml")
    releases = [line for line in lines_of("CHANGELOG.md") if line.startswith("## ")]
    assert releases[0] == f"## {PROJECT['version']}"


def test_the_recipe_runs_with_what_the_wheel_runs_with():
    text = (ROOT / "packaging" / "conda" / "meta.yaml").read_text(encoding="utf-8")
    run = re.search(r"  run:\n((?:    - .*\n)+)", text)[1]
    # conda splits matplotlib; what draws without a window is its base.
    stated = {
        line.strip("- ").replace(" ", "").replace("matplotlib-base", "matplotlib")
        for line in run.splitlines()
    }
    assert stated == {f"python{PROJECT['requires-python']}", *PROJECT["dependencies"]}
    assert f"photonzero = {PROJECT['scripts']['photonzero']}" in text


def test_the_container_has_a_python_that_is_allowed():
    text = (ROOT / "packaging" / "Containerfile").read_text(encoding="utf-8")
    version = re.search(r"^FROM \S+/python:(\d+)\.(\d+)-", text, flags=re.MULTILINE)
    lowest = PROJECT["requires-python"].removeprefix(">=").split(".")
    assert [int(part) for part in version.groups()] >= [int(part) for part in lowest]
    assert f'ENTRYPOINT ["{next(iter(PROJECT["scripts"]))}"]' in text

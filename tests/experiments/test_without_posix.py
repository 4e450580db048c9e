"""What Windows lacks is not needed: a training and a study without the modules `resource` and `fcntl`."""

import json
import os
import subprocess
import sys

import pytest

BLOCKED = """
import sys
for name in ("resource", "fcntl"):
    sys.modules[name] = None
import warnings
from photonzero.experiments.cli import main
if __name__ == "__main__":
    main()
"""


@pytest.fixture
def blocked(tmp_path):
    script = tmp_path / "blocked.py"
    script.write_text(BLOCKED)

    def run(*arguments):
        command = [sys.executable, str(script), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return tmp_path

    return run


def test_a_training_and_its_resume(blocked):
    arguments = ("train", "hjb2", "--set", "batch_size=20", "--quiet")
    folder = blocked(*arguments, "--steps", 1, "--out", "run")
    blocked("train", "--resume", "run", "--steps", 2, "--quiet")
    result = json.loads((folder / "run" / "result.json").read_text())
    assert result["steps"] == 2
    # Told by psutil where it is installed and knows the peak, and by nothing else.
    assert result["peak_rss_mb"] is None or result["peak_rss_mb"] > 0


def test_a_study_in_processes(blocked):
    folder = blocked("sweep", "phase-error", "--quick", "--set", "n_modes=[4]", "--quiet", "--out", "study")
    assert (folder / "study" / "table.csv").exists()

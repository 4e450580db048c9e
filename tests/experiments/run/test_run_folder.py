"""A run's folder: one process at a time, never two runs."""

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import locked
from photonzero.experiments.run.api import configured, resume, run
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.runs import execute_in

TINY = {"batch_size": 10, "max_steps": 1, "settings": {"points.n_test": 10, "points.n_validation": 10}}


def test_a_folder_is_of_one_process_at_a_time(tmp_path):
    run(configured("hjb2", **TINY), out=tmp_path / "run", threads=1)
    before = (tmp_path / "run" / "checkpoint.npz").read_bytes()
    with (
        locked(tmp_path / "run", "run"),
        pytest.raises(UsageError, match="another process works on this run"),
    ):
        resume(tmp_path / "run", max_steps=2, threads=1)
    assert (tmp_path / "run" / "checkpoint.npz").read_bytes() == before
    assert resume(tmp_path / "run", max_steps=2, threads=1).result["steps"] == 2


def test_of_two_runs_started_together_one_gets_the_folder(tmp_path):
    # The second was told that the folder is free, before the first had written anything.
    parts = assemble(configured("hjb2", **TINY), 1)
    run(configured("hjb2", **TINY), out=tmp_path, threads=1)
    with pytest.raises(UsageError, match="holds a run already"):
        execute_in(parts, tmp_path)

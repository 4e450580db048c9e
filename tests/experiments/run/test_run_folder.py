"""A run's folder: one process at a time, never two runs."""

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.lock import locked
from photonzero.experiments.run.api import configured, resume, run
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.folder import HISTORY, StateFiles, read_history, write_state
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


def trained(steps):
    parts = assemble(configured("hjb2", **{**TINY, "max_steps": steps, "optimizer": "spsa"}), 1)
    return parts, parts.run(parts.config.limits)


def test_a_history_grows_by_its_new_steps(tmp_path):
    parts, training = trained(9)
    files = StateFiles(parts.config, training, tmp_path)
    sizes = []

    def keep(progress):
        if progress.step % 3 == 0:
            files.write()
            sizes.append((tmp_path / HISTORY).stat().st_size)
            if progress.step == 3:
                # What was written before is not written again.
                with (tmp_path / HISTORY).open("r+b") as file:
                    file.write(b"STEP")

    training.callbacks = (keep,)
    training.train()
    grown = (tmp_path / HISTORY).read_bytes()
    assert sizes == sorted(set(sizes))
    assert grown.startswith(b"STEP,inferences")
    write_state(parts.config, training, tmp_path)
    assert grown == (tmp_path / HISTORY).read_bytes().replace(b"step", b"STEP", 1)


def test_a_write_that_failed_halfway_is_overwritten_and_a_lost_file_is_written_whole(tmp_path):
    parts, training = trained(3)
    files = StateFiles(parts.config, training, tmp_path)

    def keep(progress):
        if progress.step == 2:
            files.write()
            with (tmp_path / HISTORY).open("ab") as file:
                file.write(b"3,1")

    training.callbacks = (keep,)
    training.train()
    assert [row[0] for row in read_history(tmp_path / HISTORY)] == ["step", "1", "2"]
    files.write()
    grown = (tmp_path / HISTORY).read_bytes()
    assert [row[0] for row in read_history(tmp_path / HISTORY)] == ["step", "1", "2", "3"]
    (tmp_path / HISTORY).unlink()
    files.write()
    assert (tmp_path / HISTORY).read_bytes() == grown


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").symlink_to(mine)
    with pytest.raises(UsageError, match=r"\.lock: is a link; allowed"):
        run(configured("hjb2", **TINY), out=folder, threads=1)
    assert mine.read_text() == "precious"

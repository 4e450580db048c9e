"""Thousands of wrong inputs, from a seed: no traceback, no hang, one line each; kills at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from photonzero.experiments.cli import main; main()"]
RUN = ("train", "hjb2", "--quiet", "--max-inferences", "400000", "--set", "batch_size=50",
       "--set", "points.n_test=100", "--set", "points.n_validation=20")  # fmt: skip
STUDY = ("sweep", "phase-error", "--quiet", "--executor", "processes", "--workers", "2",
         "--set", "n_modes=[16,32]", "--set", "chips=40", "--set", "seeds=3",
         "--set", "sigma_phase_rad=[0.01,0.1]")  # fmt: skip


def fuzzed(count, seed, folder):
    """What the fuzzer, in a process that limits its memory, says last, after faults without any."""
    command = [sys.executable, "-m", "tests.fuzz.fuzzer", str(count), str(seed), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.rstrip().endswith(" 0 faults"), done.stdout[-8000:]
    return done.stdout


def test_wrong_inputs_end_in_one_line(tmp_path):
    said = fuzzed(700, 0, tmp_path / "fuzz")
    # Inputs that are right are among them, or nothing would be tried behind the first check.
    for kind in ("options", "settings", "axes", "toml", "phases", "matrices", "idx", "folders"):
        assert kind in said
    assert "'accepted'" in said
    assert "'refused'" in said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_ten_thousand_wrong_inputs_end_in_one_line(tmp_path, seed):
    fuzzed(1000, seed, tmp_path / "fuzz")


def arrays(folder):
    """What a run has come to, times left out."""
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as file:
        found = {key: file[key].copy() for key in file.files if key != "trainer"}
    found["history"] = found["history"][:, :4]
    return found


def same(folder, whole):
    """Whether two runs have come to the same numbers."""
    one, other = arrays(folder), arrays(whole)
    numbers = [key for key in one if one[key].dtype.kind in "iuf"]
    return one.keys() == other.keys() and all(
        np.array_equal(one[key], other[key], equal_nan=True) for key in numbers
    )


def killed(arguments, after_s):
    """Start the command, and kill it and its workers after a time."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(arguments):
    subprocess.run([*COMMAND, *map(str, arguments)], check=True, stderr=subprocess.PIPE)


def timed(arguments):
    started_s = time.perf_counter()
    run(arguments)
    return time.perf_counter() - started_s


def continued(folder):
    """The command that goes on in a folder, or starts in one where nothing was written."""
    if (folder / "config.toml").exists():
        return ("train", "--resume", folder, "--quiet")
    return (*RUN, "--out", folder)


def check_kills_of_train(tmp_path, count, seed):
    """Kills of so many runs, once or twice each; how many kills that were."""
    whole_s = timed((*RUN, "--out", tmp_path / "whole"))
    drawn, n_kills = random.Random(seed), 0
    for k in range(count):
        folder = tmp_path / f"run{k}"
        for _ in range(drawn.randint(1, 2)):
            n_kills += 1
            killed(continued(folder), drawn.uniform(0.1, 1.0) * whole_s)
        run(continued(folder))
        assert same(folder, tmp_path / "whole")
        left = {path.name for path in folder.iterdir()}
        assert left == {path.name for path in (tmp_path / "whole").iterdir()}
    return n_kills


def check_kills_of_sweep(tmp_path, count, seed):
    whole_s = timed((*STUDY, "--out", tmp_path / "whole"))
    table, drawn = (tmp_path / "whole" / "table.csv").read_bytes(), random.Random(seed)
    for k in range(count):
        folder = tmp_path / f"study{k}"
        killed((*STUDY, "--out", folder), drawn.uniform(0.1, 1.0) * whole_s)
        run((*STUDY, "--out", folder))
        assert (folder / "table.csv").read_bytes() == table
        assert {path.name for path in folder.iterdir()} == {
            path.name for path in (tmp_path / "whole").iterdir()
        }


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a system without process groups")
def test_a_run_that_is_killed_at_any_moment_ends_as_one_that_was_not(tmp_path):
    check_kills_of_train(tmp_path, 1, 0)


@pytest.mark.slow
def test_sixty_kills_of_train(tmp_path):
    assert check_kills_of_train(tmp_path, 40, 1) >= 60


@pytest.mark.slow
def test_twenty_kills_of_sweep(tmp_path):
    check_kills_of_sweep(tmp_path, 20, 1)


def test_the_second_of_two_processes_in_one_folder_is_refused(tmp_path):
    command = [*COMMAND, *RUN[:4], "100000000", *RUN[5:], "--out", str(tmp_path / "run")]
    first = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "run" / "config.toml").exists():
            assert first.poll() is None
            time.sleep(0.05)
        for second in (command, [*COMMAND, "train", "--resume", str(tmp_path / "run"), "--quiet"]):
            done = subprocess.run(second, capture_output=True, text=True)
            assert done.returncode == 2
            assert done.stderr.count("\n") == 1
            assert "another process works on this run" in done.stderr or "holds a run already" in done.stderr
    finally:
        first.kill()
        first.wait()


@pytest.mark.slow
def test_twenty_pairs_of_processes_in_one_folder(tmp_path):
    drawn = random.Random(2)
    for k in range(20):
        command = [*COMMAND, *RUN, "--steps", "1", "--out", str(tmp_path / f"run{k}")]
        pair = []
        for pause_s in (0.0, drawn.choice([0.0, 0.05, 0.3, 1.0])):
            time.sleep(pause_s)
            pair.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        said = [process.communicate()[1] for process in pair]
        codes = [process.returncode for process in pair]
        assert sorted(codes) == [0, 2], said
        refusal = said[codes.index(2)]
        assert refusal.count("\n") == 1
        assert "another process works on this run" in refusal or "holds a run already" in refusal
        assert not said[codes.index(0)]

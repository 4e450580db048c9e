"""Matrix products on one thread, whatever the environment and the caller's program say."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
from threadpoolctl import threadpool_info

from photonzero.experiments.run.blas import one_blas_thread

SMALL = {"max_inferences": 100_000, "batch_size": 50}


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def fresh(code, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, check=True, capture_output=True, text=True, timeout=300,
        env={**os.environ, **environment},
    ).stdout  # fmt: skip


def test_the_users_threads_change_neither_bits_nor_are_they_changed(tmp_path):
    several = {f"{library}_NUM_THREADS": "2" for library in ("OPENBLAS", "MKL", "OMP")}
    fresh(
        "import sys; sys.argv = ['photonzero', 'train', 'hjb2', '--max-inferences', '100000', '--set', "
        "'batch_size=50', '--quiet', '--out', 'command']\n"
        "from photonzero.experiments.cli import main; main()",
        tmp_path,
        **dict.fromkeys(several, "1"),
    )
    code = (
        "import json, numpy, threadpoolctl\n"
        "from photonzero.experiments.run.api import configured, run\n"
        f"found = run(configured('hjb2', **{SMALL!r}))\n"
        "numpy.save('controls.npy', found.run.optimizer.controls)\n"
        "threads = [p['num_threads'] for p in threadpoolctl.threadpool_info() if p['user_api'] == 'blas']\n"
        "print(json.dumps(threads))"
    )
    threads = json.loads(fresh(code, tmp_path, **several))
    # As before: the caller's own products are the caller's business.
    assert set(threads) == {min(2, os.cpu_count() or 1)}
    with np.load(tmp_path / "command/checkpoint.npz") as file:
        np.testing.assert_array_equal(np.load(tmp_path / "controls.npy"), file["optimizer/x"])


def test_contexts_nest_and_the_last_one_out_restores():
    outside = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def other():
        with one_blas_thread():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with one_blas_thread():
        thread.start()
        entered.wait()
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {1}
    leave.set()
    thread.join()
    assert blas_threads() == outside

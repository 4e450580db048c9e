"""Sweeps on a Dask cluster: the same table, even if a worker is killed on the way (extra dask)."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.registry import find_plan
from photonzero.experiments.sweep import executors as executors_module
from photonzero.experiments.sweep import run_sweep
from photonzero.experiments.sweep.executors import SerialExecutor, Workers, executors
from photonzero.experiments.sweep.table import TABLE

distributed = pytest.importorskip("distributed")

# Dask's own sockets and event loops outlive a cluster for a moment.
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"study": "phase-error", "chips": 60, "grid": {"n_modes": [16, 32]}}


def check_kills_of_workers(tmp_path, count):
    plan, drawn = find_plan(SMALL), random.Random(0)
    run_sweep(plan, tmp_path / "serial", Workers(SerialExecutor, 1, 1))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        for k in range(count):
            killed, after = [], drawn.randint(1, 60)

            def kill(progress, killed=killed, after=after):
                if progress.new_rows >= after and not killed:
                    worker = next(iter(cluster.workers.values()))
                    killed.append(worker.pid)
                    os.kill(worker.pid, signal.SIGKILL)

            with executors("dask", None, cluster.scheduler_address) as workers:
                run_sweep(plan, tmp_path / f"dask{k}", workers, kill)
            assert len(killed) == 1
            assert (tmp_path / f"dask{k}" / TABLE).read_bytes() == (tmp_path / "serial" / TABLE).read_bytes()
            # A nanny starts another worker.
            with distributed.Client(cluster) as client:
                client.wait_for_workers(2, timeout=60)


def test_a_killed_worker_loses_nothing_and_the_table_is_that_of_this_process(tmp_path):
    check_kills_of_workers(tmp_path, 1)


@pytest.mark.slow
def test_ten_killed_workers(tmp_path):
    check_kills_of_workers(tmp_path, 10)


class GivesUp(Executor):
    """Answers some calls, as long as it is there."""

    left = 1

    def submit(self, fn, /, *args, **kwargs):
        self.left -= 1
        if self.left >= 0:
            return SerialExecutor().submit(fn, *args, **kwargs)
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_an_executor_that_is_lost_is_one_clear_line_and_the_study_goes_on(tmp_path):
    plan = find_plan(SMALL)
    with pytest.raises(UsageError, match="workers: gone, as when a scheduler is killed"):
        run_sweep(plan, tmp_path / "study", Workers(GivesUp, 1, 1))
    rows = []
    here = Workers(SerialExecutor, 1, 1)
    run_sweep(plan, tmp_path / "study", here, lambda progress: rows.append(progress.rows))
    assert rows[0] > 0
    run_sweep(plan, tmp_path / "serial", here)
    assert (tmp_path / "study" / TABLE).read_bytes() == (tmp_path / "serial" / TABLE).read_bytes()


def started(*arguments, **options):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *map(str, arguments)], **{**quiet, **options})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_five_killed_schedulers(tmp_path, seed):
    address = tmp_path / "scheduler.json"
    dask = ("-m", "distributed.cli.dask_scheduler", "--port", 0, "--no-dashboard")
    scheduler = started(*dask, "--scheduler-file", address)
    worker = started("-m", "distributed.cli.dask_worker", "--scheduler-file", address, "--death-timeout", 60)
    study = (
        "-m",
        "photonzero",
        "sweep",
        "phase-error",
        "--quiet",
        "--set",
        "n_modes=[16,32]",
        "--set",
        "chips=4000",
    )
    try:
        while not address.exists() or not address.read_text():
            time.sleep(0.1)
        to = ("--executor", "dask", "--scheduler", json.loads(address.read_text())["address"])
        sweep = started(*study, *to, "--out", tmp_path / "study", stderr=subprocess.PIPE, text=True)
        while not (tmp_path / "study").exists():
            time.sleep(0.1)
        time.sleep(random.Random(seed).uniform(0.0, 3.0))
        scheduler.kill()
        _, said = sweep.communicate(timeout=120)
        # It may have been ready before.
        assert sweep.returncode in (0, 2)
        assert said.count("\n") == (sweep.returncode == 2), said
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    subprocess.run([sys.executable, *study, "--out", tmp_path / "study"], check=True)
    subprocess.run([sys.executable, *study, "--out", tmp_path / "serial"], check=True)
    assert (tmp_path / "study" / TABLE).read_bytes() == (tmp_path / "serial" / TABLE).read_bytes()


def test_a_cluster_of_its_own_is_started_where_no_scheduler_is_named(tmp_path):
    plan = find_plan(SMALL, ["chips=2"])
    run_sweep(plan, tmp_path / "serial", Workers(SerialExecutor, 1, 1))
    with executors("dask", 2, None) as workers:
        run_sweep(plan, tmp_path / "dask", workers)
    assert (tmp_path / "dask" / TABLE).read_bytes() == (tmp_path / "serial" / TABLE).read_bytes()


def test_a_scheduler_out_of_reach_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(executors_module, "_SECONDS_TO_CONNECT", 1)
    with (
        pytest.raises(UsageError, match=r"scheduler: 'tcp://127.0.0.1:9' cannot be reached; allowed: tcp"),
        executors("dask", None, "tcp://127.0.0.1:9"),
    ):
        pass
    with (
        pytest.raises(UsageError, match="workers: 3 with --scheduler"),
        executors("dask", 3, "tcp://127.0.0.1:9"),
    ):
        pass
    with (
        pytest.raises(UsageError, match="scheduler: 'nonsense' cannot be reached"),
        executors("dask", None, "nonsense"),
    ):
        pass

"""Sweeps on a Dask cluster: the same table, even if a worker is killed on the way (extra dask)."""

import os
import signal

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


def test_a_killed_worker_loses_nothing_and_the_table_is_that_of_this_process(tmp_path):
    plan = find_plan(SMALL)
    run_sweep(plan, tmp_path / "serial", Workers(SerialExecutor, 1, 1))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        killed = []

        def kill(progress):
            if progress.new_rows > 0 and not killed:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        with executors("dask", None, cluster.scheduler_address) as workers:
            assert workers.count == 2
            run_sweep(plan, tmp_path / "dask", workers, kill)
        assert len(killed) == 1
    assert (tmp_path / "dask" / TABLE).read_bytes() == (tmp_path / "serial" / TABLE).read_bytes()


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

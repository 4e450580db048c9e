"""Where units are measured: here, in processes, on a Dask cluster; all are `concurrent.futures` executors."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.threads import available_threads

EXECUTORS = ("serial", "processes", "dask")

_SECONDS_TO_CONNECT = 10

_CHUNKS_A_WORKER = 3
"""Chunks waiting or being measured: a worker never waits for the next one."""


@dataclass(frozen=True)
class Workers:
    """Who measures.

    Attributes:
        make: an executor; called when a study starts, and again if the executor breaks.
        count: chunks that are measured at the same time.
        chunks: chunks to hand out ahead.
        stop: gives an executor up, at once if the flag says so.
        here: whether they see the files of this machine.
        apart: whether they are other processes than this one.
    """

    make: Callable[[], Executor]
    count: int
    chunks: int
    stop: Callable[[Any, bool], None] = lambda executor, now: executor.shutdown(cancel_futures=now)
    here: bool = True
    apart: bool = False


def is_lost_worker(error: Exception) -> bool:
    """Whether a future failed because its worker died, and not by what it was asked to do."""
    # Dask's own, which is raised after it has tried a task on several workers, by name: an extra.
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def lost_executor() -> UsageError:
    """The error for work that was given up by its executor, and not by us."""
    return UsageError(
        "workers: gone, as when a scheduler is killed; what was measured is kept; allowed: the same command "
        "again, which goes on from there"
    )


class SerialExecutor(Executor):
    """Works when asked, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` now; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future holds whatever was raised
            future.set_exception(error)
        return future


def _start_worker() -> None:
    """Ctrl-C is the main process's business; and no worker outlives it, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


class _Processes(ProcessPoolExecutor):
    """A pool that does not wait for what is being measured when it is given up."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        workers = list((self._processes or {}).values())
        if cancel_futures:
            for worker in workers:
                worker.terminate()
        super().shutdown(wait=wait, cancel_futures=cancel_futures)


@contextmanager
def executors(name: str, workers: int | None, scheduler: str | None) -> Iterator[Workers]:
    """Workers, for as long as the context lasts.

    Args:
        name: one of EXECUTORS.
        workers: how many; None for a process for each processor, or the workers of the scheduler.
        scheduler: address of a Dask scheduler; None starts a cluster on this machine.

    Raises:
        UsageError: an unknown name, Dask missing or its scheduler out of reach.
    """
    if name not in EXECUTORS:
        raise UsageError(f"executor: {name!r}; allowed: {', '.join(EXECUTORS)}")
    if scheduler is not None and name != "dask":
        raise UsageError(f"scheduler with executor {name}; allowed with: dask")
    if workers is not None and workers < 1:
        raise UsageError(f"workers: {workers}; allowed: >= 1")
    if name == "serial":
        if workers not in (None, 1):
            raise UsageError(f"workers: {workers} with executor serial; allowed: 1")
        # One ahead: its rows are to be written before the next chunk is measured.
        yield Workers(SerialExecutor, 1, 1)
    elif name == "processes":
        count = workers or available_threads()
        # Spawned, not forked: a copy of a process with compiler and library threads may hang.
        context = multiprocessing.get_context("spawn")
        make = partial(_Processes, count, mp_context=context, initializer=_start_worker)
        yield Workers(make, count, count * _CHUNKS_A_WORKER, apart=True)
    else:
        yield from _dask(workers, scheduler)


def _dask(workers: int | None, scheduler: str | None) -> Iterator[Workers]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise UsageError("executor dask: not installed; allowed: pip install 'photonzero[dask]'") from error
    # A lost scheduler is told in one line where it is noticed.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    if scheduler is not None and workers is not None:
        raise UsageError(f"workers: {workers} with --scheduler; allowed: none, the cluster has its own")
    if scheduler is None:
        count = workers or available_threads()
        with (
            distributed.LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield _on(client, count, here=True)
        return
    try:
        client = distributed.Client(scheduler, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise UsageError(f"scheduler: {scheduler!r} cannot be reached; allowed: tcp://HOST:PORT") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
        except TimeoutError as error:
            raise UsageError(
                f"scheduler: {scheduler!r} has no workers; allowed: one with workers, such as `dask worker`"
            ) from error
        count = sum(client.nthreads().values())
        yield _on(client, count, here=False)


def _on(client: Any, count: int, here: bool) -> Workers:
    return Workers(
        lambda: client.get_executor(pure=False),
        count,
        count * _CHUNKS_A_WORKER,
        # Not to wait means to cancel here.
        lambda executor, now: executor.shutdown(wait=not now),
        here,
        apart=True,
    )

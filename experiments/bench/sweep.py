"""The sweep engine against a bare loop over the kernel, and two workers against one."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from photonzero.experiments.studies.registry import find_plan
from photonzero.experiments.sweep import run_sweep
from photonzero.experiments.sweep.executors import SerialExecutor, Workers, executors
from photonzero.experiments.sweep.plan import Plan
from photonzero.photonics.mesh import build, haar_phases, rectangular
from photonzero.photonics.threads import available_threads

_MODES = 64
_SIGMAS = 21
_CHIPS = 300
_CHIPS_IN_PROCESSES = 1500
_ROUNDS = 3

_HERE = Workers(SerialExecutor, 1, 1)


def run() -> dict[str, Any]:
    """Meshes of 64 modes per second: the study `phase-error` with all it does, and bare calls.

    ``bare_meshes_per_s`` is `photonzero.photonics.mesh.build` in a Python loop over ready phases and
    nothing else. The engine draws targets and errors, builds, takes fidelity and matrix error, and writes
    the table. ``engine_over_bare`` is the median over rounds that take turns. ``two_workers_over_one``
    compares processes once they have started; None on one processor.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder)
        _sweep_seconds(_plan(1), place / "compile", _HERE)
        engine, bare = [], []
        for k in range(_ROUNDS):
            bare.append(_bare_rate())
            seconds = _sweep_seconds(
                _plan(_CHIPS, root_seed=k), place / f"{k}", Workers(SerialExecutor, 1, 1)
            )
            engine.append(_CHIPS * _SIGMAS / seconds)
        result: dict[str, Any] = {
            "modes": _MODES,
            "bare_meshes_per_s": float(np.median(bare)),
            "engine_meshes_per_s": float(np.median(engine)),
            "engine_over_bare": float(np.median(np.array(engine) / np.array(bare))),
            "two_workers_over_one": None,
        }
        if available_threads() > 1:
            one, two = (_process_rate(count, place / f"workers-{count}") for count in (1, 2))
            result["two_workers_over_one"] = two / one
    return result


def _plan(chips: int, root_seed: int = 0) -> Plan:
    return find_plan({"study": "phase-error", "chips": chips, "root_seed": root_seed})


def _bare_rate() -> float:
    """Meshes per second of the kernel alone."""
    mesh, rng = rectangular(_MODES), np.random.default_rng(0)
    settings = [haar_phases(mesh, rng) for _ in range(_SIGMAS)]
    started = time.perf_counter()
    for _ in range(_CHIPS):
        for phases in settings:
            build(mesh, *phases)
    return _CHIPS * _SIGMAS / (time.perf_counter() - started)


def _process_rate(count: int, folder: Path) -> float:
    """Meshes per second of worker processes, the first third, during which they start, left out."""
    seen: list[tuple[float, int]] = []
    with executors("processes", count, None) as workers:
        plan = _plan(_CHIPS_IN_PROCESSES)
        run_sweep(plan, folder, workers, lambda p: seen.append((time.perf_counter(), p.new_rows)))
    started, first = next(point for point in seen if point[1] >= plan.n_samples // 3)
    ended, last = seen[-1]
    return (last - first) / (ended - started)


def _sweep_seconds(plan: Plan, folder: Path, workers: Workers) -> float:
    started = time.perf_counter()
    run_sweep(plan, folder, workers)
    return time.perf_counter() - started

"""Meshes against NumPy's complex matrix product of the same size, on one thread, in one run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import unitary_group

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.photonics.mesh.decompose import decompose
from photonzero.photonics.mesh.fabricate import fabricate_mesh
from photonzero.photonics.mesh.topologies import rectangular
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.photonics.mesh.transfer import build, propagate

SIZES = (64, 128, 256)
_N_VECTORS = 1024
_LARGE = 1024
_POPULATION = (64, 16)
_NOISE = NoiseModel(
    coupler_imbalance=CouplerImbalance(angle_std_rad=0.02),
    insertion_loss=InsertionLoss(cell_db=0.05, phase_shifter_db=0.025),
)
"""Every static error of cells at once."""
_SECONDS_A_TASK = 1.0
_SECONDS_LARGE = 4.0
_SECONDS_A_ROUND = 0.01


def _phases(mesh: MeshTopology, rng: np.random.Generator, *population: int) -> tuple[Any, ...]:
    """Random theta, phi and output phases."""
    return tuple(
        rng.uniform(0.0, 2 * np.pi, (*population, n)) for n in (mesh.n_mzi, mesh.n_mzi, mesh.n_modes)
    )


def _complex(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def _fastest(tasks: dict[str, Callable[[], Any]], seconds: float = _SECONDS_A_TASK) -> dict[str, float]:
    """Shortest time of each task [s], rounds of all tasks taking turns.

    The shortest, because whatever else the machine does can only add time, to either side; many short
    rounds, so that both sides see the machine's quiet moments.
    """
    best = dict.fromkeys(tasks, math.inf)
    for task in tasks.values():
        task()
    stop = time.perf_counter() + seconds * len(tasks)
    while time.perf_counter() < stop:
        for name, task in tasks.items():
            end = time.perf_counter() + _SECONDS_A_ROUND
            while True:
                started = time.perf_counter()
                task()
                finished = time.perf_counter()
                best[name] = min(best[name], finished - started)
                if finished >= end:
                    break
    return best


def run() -> dict[str, Any]:
    """Ratios to matrix products, by mode count, for the rectangular mesh in complex128.

    ``build``, ``imperfect`` (every static error on) and ``decompose`` are ratios to an N x N product,
    ``propagate`` of 1,024 vectors to N x N by N x 1,024, ``population_64x16`` to 64 products of 16 x 16
    one after the other. Lower is better.
    """
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {
        key: {} for key in ("build", "propagate", "decompose", "imperfect_over_ideal", "decompose_error")
    }
    with one_blas_thread():
        for n in SIZES:
            mesh = rectangular(n)
            phases = _phases(mesh, rng)
            errors = fabricate_mesh(mesh, _NOISE, rng).imperfections
            a, b, vectors = _complex(rng, n, n), _complex(rng, n, n), _complex(rng, n, _N_VECTORS)
            unitary = unitary_group.rvs(n, random_state=n)
            seconds = _fastest(
                {
                    "product": lambda a=a, b=b: a @ b,
                    "wide": lambda a=a, v=vectors: a @ v,
                    "build": lambda m=mesh, p=phases: build(m, *p),
                    "imperfect": lambda m=mesh, p=phases, e=errors: build(m, *p, imperfections=e),
                    "propagate": lambda m=mesh, p=phases, v=vectors: propagate(m, v, *p),
                    "decompose": lambda m=mesh, u=unitary: decompose(m, u),
                }
            )
            key = str(n)
            result["build"][key] = seconds["build"] / seconds["product"]
            result["propagate"][key] = seconds["propagate"] / seconds["wide"]
            result["decompose"][key] = seconds["decompose"] / seconds["product"]
            result["imperfect_over_ideal"][key] = seconds["imperfect"] / seconds["build"]
            error = np.abs(build(mesh, *decompose(mesh, unitary)) - unitary).max()
            result["decompose_error"][key] = float(error)
        settings, n = _POPULATION
        mesh = rectangular(n)
        many = _phases(mesh, rng, settings)
        pairs = [(_complex(rng, n, n), _complex(rng, n, n)) for _ in range(settings)]
        seconds = _fastest(
            {"products": lambda: [a @ b for a, b in pairs], "build": lambda: build(mesh, *many)}
        )
        result["population_64x16"] = seconds["build"] / seconds["products"]
        large = rectangular(_LARGE)
        phases = _phases(large, rng)
        result["build_1024_s"] = _fastest({"build": lambda: build(large, *phases)}, _SECONDS_LARGE)["build"]
    return result

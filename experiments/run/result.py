"""What a run has come to, as result.json has it, and what made it."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.config.run_config import RunConfig
from photonzero.photonics.cost import training_cost
from photonzero.training.oracle import ForwardOracle
from photonzero.training.trainer import TrainingRun


def result_of(
    config: RunConfig, chip: ForwardOracle, run: TrainingRun, quality: dict[str, Any], stop: dict[str, str]
) -> dict[str, Any]:
    """The content of result.json.

    Args:
        config: of the run.
        chip: that was trained; the first of several.
        run: as it ended.
        quality: test error and the like, by name.
        stop: reasons why it ended, by name.
    """
    n_mzi, chip_time_s, chip_energy_j = 0, None, None
    if config.source.design is not None:
        n_mzi, chip_time_s, chip_energy_j = training_cost(config.source.design, run.inferences, run.settings)
    return {
        "schema": 1,
        "problem": config.task.name,
        "chip": config.chip_name,
        "noise": config.noise.name,
        "optimizer": config.optimizer.name,
        "derivatives": config.own.rule,
        "seed": config.seed,
        "n_controls": chip.n_controls,
        "n_mzi": n_mzi,
        **quality,
        "final_loss": run.optimizer.loss if np.isfinite(run.optimizer.loss) else None,
        "inferences": run.inferences,
        "layer_inferences": run.layer_inferences,
        "steps": run.optimizer.n_steps,
        "wall_s": run.wall_s,
        "peak_rss_mb": _peak_rss_mb(),
        "chip_time_s": chip_time_s,
        "chip_energy_j": chip_energy_j,
        "stop": stop,
        **provenance(),
    }


def provenance() -> dict[str, Any]:
    """What made a result: versions, and the commit of a checkout."""
    return {
        "versions": {
            "photonzero": version("photonzero"),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "numba")},
        },
        "git": _git_revision(),
    }


def _peak_rss_mb() -> float | None:
    """Peak memory of this process [MiB]; None where neither the system nor psutil tells it."""
    try:
        import resource
    except ImportError:
        # Windows has no such module; psutil knows it there, where it is installed.
        with suppress(ImportError, AttributeError):
            return import_module("psutil").Process().memory_info().peak_wset / 1024.0**2
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)


def _git_revision() -> str | None:
    """Commit of the checkout this code runs from; None for an installed copy."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()

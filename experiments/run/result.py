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
from photonzero.experiments.run.assembly import Assembled, fresh_objective
from photonzero.photonics.cost import training_cost
from photonzero.training.null_models import frozen_readout
from photonzero.training.objective import HasZeroError
from photonzero.training.optimizers import CountsOperations
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
    design = config.source.design
    cost = None if design is None else training_cost(design, run.inferences, run.settings)
    operations = run.optimizer.n_host_operations if isinstance(run.optimizer, CountsOperations) else None
    return {
        "schema": 1,
        "problem": config.task.name,
        "chip": config.chip_name,
        "noise": config.noise.name,
        "optimizer": config.optimizer.name,
        "derivatives": config.own.rule,
        "seed": config.seed,
        "n_controls": chip.n_controls,
        "n_mzi": 0 if cost is None else cost.n_mzi,
        **quality,
        "final_loss": run.optimizer.loss if np.isfinite(run.optimizer.loss) else None,
        "inferences": run.inferences,
        "layer_inferences": run.layer_inferences,
        "settings": run.settings,
        "steps": run.optimizer.n_steps,
        "wall_s": run.wall_s,
        "peak_rss_mb": _peak_rss_mb(),
        "host_operations": operations,
        "chip_time_s": None if cost is None else cost.time_s,
        "reprogramming_time_s": None if cost is None else cost.reprogramming_time_s,
        "chip_energy_j": None if cost is None else cost.energy_j,
        "stop": stop,
        **provenance(),
    }


def null_of(parts: Assembled) -> dict[str, Any] | None:
    """What the error of a run is to be compared with, as result.json has it; None for a task without.

    Args:
        parts: of the run; the first of several chips is asked.
    """
    if not isinstance(parts.objective, HasZeroError):
        return None
    zero = parts.config.task.stated(parts.objective.zero_error())
    if not parts.config.frozen_null:
        return {"zero": zero}
    if parts.further_chips:
        return {"zero": zero, "frozen": None, "frozen_how": "not measured: several chips share the controls"}
    found = frozen_readout(parts.chip, lambda: fresh_objective(parts.config), parts.initial_controls)
    if found is None:
        return {"zero": zero, "frozen": None, "frozen_how": "not measured: the chip shows its outputs alone"}
    return {
        "zero": zero,
        "frozen": parts.config.task.stated(found.error),
        "frozen_how": found.how,
        "inferences": found.inferences,
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

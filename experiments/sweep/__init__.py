"""The engine of studies, which knows none by name: a grid x chips x seeds, one tidy table, any executor."""

from photonzero.experiments.sweep.engine import SweepProgress, run_sweep
from photonzero.experiments.sweep.plan import Plan, resolve_plan
from photonzero.experiments.sweep.study import Axis, Measured, Sample, Study

__all__ = [
    "Axis",
    "Measured",
    "Plan",
    "Sample",
    "Study",
    "SweepProgress",
    "resolve_plan",
    "run_sweep",
]

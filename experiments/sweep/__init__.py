"""Noise-robustness studies: a grid of settings x fabricated chips x seeds, one tidy table, any executor."""

from photonzero.experiments.sweep.engine import SweepProgress, run_sweep
from photonzero.experiments.sweep.plan import Plan, resolve_plan
from photonzero.experiments.sweep.registry import get_study, study_names
from photonzero.experiments.sweep.study import Axis, Measured, Sample, Study

__all__ = [
    "Axis",
    "Measured",
    "Plan",
    "Sample",
    "Study",
    "SweepProgress",
    "get_study",
    "resolve_plan",
    "run_sweep",
    "study_names",
]

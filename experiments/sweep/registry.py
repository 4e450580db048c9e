"""Studies by name; a study's module is loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.study import Study

_STUDIES = {
    "phase-error": "phase_error",
    "component-error": "component_error",
    "quantization": "quantization",
    "crosstalk": "crosstalk",
    "detector": "detector",
    "drift": "drift",
    "deployment": "deployment",
    "scaling": "scaling",
}


def study_names() -> tuple[str, ...]:
    """Names of the built-in studies."""
    return tuple(_STUDIES)


def get_study(name: str) -> Study:
    """The study of that name.

    Raises:
        UsageError: no such study.
    """
    if name not in _STUDIES:
        raise UsageError(f"study: {name!r}; allowed: {', '.join(_STUDIES)}, or a TOML file")
    return import_module(f"photonzero.experiments.studies.{_STUDIES[name]}").STUDY

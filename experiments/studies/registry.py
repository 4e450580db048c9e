"""Studies by name: the project's own, those of installed packages, and a user's ``file.py:NAME``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import read_toml
from photonzero.experiments.sweep.folder import PLAN
from photonzero.experiments.sweep.plan import Plan, resolve_plan
from photonzero.experiments.sweep.study import Study
from photonzero.registry import Registry, is_file_name, split_file_name


def _checked(name: str, value: Any) -> Study:
    if not isinstance(value, Study):
        raise UsageError(
            f"study {name!r}: a {type(value).__name__}; allowed: a photonzero.experiments.sweep.Study"
        )
    return value


STUDIES: Registry[Study] = Registry(
    kind="study",
    builtin={
        name: f"photonzero.experiments.{module if '.' in module else f'studies.{module}:STUDY'}"
        for name, module in (
            ("phase-error", "phase_error"),
            ("component-error", "component_error"),
            ("quantization", "quantization"),
            ("crosstalk", "crosstalk"),
            ("detector", "detector"),
            ("drift", "drift"),
            ("deployment", "deployment"),
            ("self-calibration", "self_calibration"),
            ("recalibration", "recalibration"),
            ("mesh-calibration", "mesh_calibration"),
            ("scaling", "scaling"),
            ("frozen", "frozen"),
            ("train", "train"),
            ("tables-hjb20", "tables.hjb20:STUDY"),
            ("tables-problems", "tables.problems:STUDY"),
            ("tables-stencils", "tables.stencils:STUDY"),
            ("tables-optics", "tables.optics:STUDY"),
            ("tables-optimizers", "tables.optimizers:STUDY"),
            ("tables-optimizers-tuning", "tables.optimizers:TUNING"),
            ("tables-mnist", "tables.mnist:STUDY"),
            ("tables-mnist-tuning", "tables.mnist:TUNING"),
            ("tables-compression", "tables.compression:STUDY"),
            ("tables-ranks", "tables.ranks:STUDY"),
        )
    },
    error=UsageError,
    check=_checked,
    is_own=lambda value: isinstance(value, Study),
    group="photonzero.studies",
)


def get_study(name: str) -> Study:
    """The study of that name, or in that file.

    Raises:
        UsageError: no such study.
    """
    return STUDIES.get(name)


def find_plan(table: Mapping[str, Any], settings: Sequence[str] = (), *, quick: bool = False) -> Plan:
    """The plan of a table, of which ``study`` says the study.

    Args:
        table: see `resolve_plan`.
        settings: ``key=value`` texts of the command.
        quick: start from the study's short version.

    Raises:
        UsageError: an unknown study, or as `resolve_plan`.
    """
    name = table.get("study")
    if not isinstance(name, str):
        raise UsageError("study: missing; allowed: study = NAME")
    if is_file_name(name):
        # Wherever the study is continued from.
        path, attribute = split_file_name(name)
        name = str(path.resolve()) + (f":{attribute}" if attribute else "")
    return resolve_plan(get_study(name), {**table, "study": name}, settings, quick=quick, finder=get_study)


def load_plan(folder: Path) -> Plan:
    """The plan of an existing study.

    Raises:
        UsageError: no study there.
    """
    if not (folder / PLAN).is_file():
        raise UsageError(f"{folder}: holds no study ({PLAN} is missing)")
    return find_plan(read_toml(folder / PLAN))

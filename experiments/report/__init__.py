"""`photonzero report`: a run or a study as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.report.of_run import run_page
from photonzero.experiments.report.of_study import study_page
from photonzero.experiments.report.page import from_files
from photonzero.experiments.run.folder import CONFIG
from photonzero.experiments.sweep.folder import PLAN
from photonzero.training.checkpoint import write_atomically

REPORT = "report.html"


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Gather a folder into one page.

    Args:
        folder: of a finished run or study.
        out: the file; None puts report.html into the folder.

    Returns:
        Where it is.

    Raises:
        UsageError: no finished run or study there.
    """
    if (folder / PLAN).is_file():
        with from_files(folder):
            page = study_page(folder)
    elif (folder / CONFIG).is_file():
        with from_files(folder):
            page = run_page(folder)
    else:
        raise UsageError(f"{folder}: holds no run and no study; allowed: a folder with {CONFIG} or {PLAN}")
    path = out or folder / REPORT
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(page.encode()))
    return path

"""The page of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from photonzero.experiments.report.page import (
    code,
    made_by,
    page,
    paragraph,
    picture,
    read_result,
    section,
    table,
)
from photonzero.experiments.run.folder import CONFIG, HISTORY, RESULT, read_history

_CAPTIONS = {
    "learning": "Loss and validation error after each step, against the optical inferences of training.",
    "solution": "Answers of the chip against the exact solution on test points, and their error in time.",
    "confusion": "Answers of the chip for each class of the test part.",
    "controls": "Phases and digital controls before and after training.",
}

_STEPS = 20
"""Steps that the table shows, evenly spread; history.csv has all."""

_RESULTS = {
    "rel_l2": "relative l2 error on test points",
    "test_accuracy": "test accuracy",
    "final_loss": "last loss",
    "inferences": "optical inferences of training",
    "layer_inferences": "of them of single layers",
    "settings": "times the controls were programmed",
    "inferences_validation": "optical inferences of validation and test",
    "steps": "steps",
    "n_controls": "controls",
    "n_mzi": "MZIs",
    "chip_time_s": "time on the chip, estimated [s]",
    "reprogramming_time_s": "of it to program controls [s]",
    "host_operations": "operations of the host, counted by the optimizer",
    "chip_energy_j": "energy on the chip, estimated [J]",
    "wall_s": "time of the simulation [s]",
    "peak_rss_mb": "memory of the simulation [MiB]",
}

_NULL = {
    "zero": "relative l2 error of the network at zero",
    "frozen": "relative l2 error with frozen optics",
    "frozen_how": "how that was measured",
}


def run_page(folder: Path) -> str:
    """HTML of a finished run.

    Raises:
        UsageError: not finished, or damaged.
    """
    result = read_result(folder / RESULT, "run")
    rows = [(label, result[key]) for key, label in _RESULTS.items() if key in result]
    rows += [(label, result["null"][key]) for key, label in _NULL.items() if key in result.get("null", {})]
    rows.append(("stopped by", ", ".join(result["stop"])))
    figures = sorted((folder / "figures").glob("*.png"), key=lambda path: _order(path.stem))
    derivatives = "" if result["derivatives"] == "none" else f", {result['derivatives']} derivatives"
    return page(
        f"{result['problem']} on {result['chip']}",
        f"{result['noise']} noise, {result['optimizer']}{derivatives}, seed {result['seed']}",
        (
            section("Result", table(("what", "value"), rows)),
            section("Figures", *(picture(path, _CAPTIONS.get(path.stem, path.stem)) for path in figures)),
            section("Steps", _steps(folder / HISTORY)),
            section(
                "How to repeat it",
                paragraph("Save the configuration below as config.toml. Equal seeds give equal bits."),
                code("photonzero train --config config.toml --out repeated"),
            ),
            section("Configuration", code((folder / CONFIG).read_text(encoding="utf-8"))),
            section("Made by", made_by(result)),
        ),
    )


def _order(name: str) -> tuple[int, str]:
    known = list(_CAPTIONS)
    return (known.index(name) if name in known else len(known), name)


def _steps(path: Path) -> str:
    header, *lines = read_history(path)
    count = min(len(lines), _STEPS)
    # The last step is always there.
    places = sorted({len(lines) - 1 - k * len(lines) // count for k in range(count)}) if count else []
    shown = [[_number(text) for text in lines[place]] for place in places]
    return table([name.replace("_", " ") for name in header], shown) if shown else ""


def _number(text: str) -> Any:
    value = float(text)
    return int(value) if value.is_integer() and "." not in text else value

"""Tables of the manual, made of the files in docs/results: no number of theirs is typed.

A page says `<!-- table NAME -->`; `python docs/_ext/measured_tables.py` writes what belongs there into all
pages after a file has changed, and a test compares.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
BLOCK = re.compile(r"(<!-- table ([\w-]+) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)

Line = dict[str, str]


def _lines(name: str) -> list[Line]:
    with (RESULTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _grouped(lines: Iterable[Line], *keys: str) -> dict[tuple[str, ...], list[Line]]:
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(line[key] for key in keys), []).append(line)
    return groups


def _numbers(lines: Iterable[Line], column: str) -> list[float]:
    return [float(line[column]) for line in lines]


def _short(value: float) -> str:
    return f"{value:.2g}" if 0.01 <= abs(value) < 1000 or not value else f"{value:.1e}"


def _spread(values: Sequence[float], form: Callable[[float], str] = _short) -> str:
    return f"{form(median(values))} ({form(min(values))} to {form(max(values))})"


def _arrival(cells: Iterable[str]) -> str:
    """Median of inferences at which a goal was reached; who never arrives is the last."""
    middle = median(float("inf") if cell in ("", "nan") else float(cell) for cell in cells)
    return "-" if middle == float("inf") else _short(middle)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def optimizers(name: str) -> str:
    """Every method at equal inferences; the chosen step, the error, inferences to 1 %."""
    lines = _lines(name)
    problems = list(_grouped(lines, "problem"))
    rows = []
    for (method,), own in _grouped(lines, "method").items():
        row = [method]
        for (problem,) in problems:
            runs = [line for line in own if line["problem"] == problem]
            row += [runs[0]["step"] or "-", _spread(_numbers(runs, "rel_l2"))]
            row.append(_arrival(line["to_0.01"] for line in runs))
        rows.append(row)
    header = ["method"]
    for (problem,) in problems:
        header += [f"{problem}: step", "error", "to 1e-2"]
    return _table(header, rows)


def frozen() -> str:
    """What training the optics gains, chip by chip: the error with frozen over that with trained ones."""
    lines = _lines("frozen.csv")
    counts = list(dict.fromkeys(line["features"] for line in lines))
    rows = []
    for (problem, bits, noise), own in _grouped(lines, "problem", "bits", "noise").items():
        row = [problem, bits, f"{100 * float(noise):g} %"]
        for count in counts:
            chips = _grouped((line for line in own if line["features"] == count), "seed").values()
            errors = [{line["optics"]: float(line["error"]) for line in chip} for chip in chips]
            gains = [chip["frozen"] / chip["trained"] for chip in errors]
            row.append(_spread(gains, lambda gain: f"{gain:,.0f}" if gain >= 10 else f"{gain:.1f}"))
        rows.append(row)
    return _table(("problem", "bits", "noise", *(f"{count} features" for count in counts)), rows)


def best_optimizers() -> str:
    """Gauss-Newton, the published way, and for each problem the best of the others."""
    rows = []
    first, published = "forward-only Gauss-Newton", "random directions + Adam"
    for name in ("optimizers.csv", "optimizers-detector.csv"):
        for (problem, noise), own in _grouped(_lines(name), "problem", "noise").items():
            errors = {method: _numbers(runs, "rel_l2") for (method,), runs in _grouped(own, "method").items()}
            others = [method for method in errors if method not in (first, published)]
            best = min(others, key=lambda method: median(errors[method]))
            cells = [_spread(errors[method]) for method in (first, published, best)]
            rows.append([problem, noise, *cells[:2], f"{cells[2]}, {best}"])
    header = ("problem", "noise", first, f"{published}, the published way", "the best of seven others")
    return _table(header, rows)


def compression() -> str:
    """Tensor trains and dense layers: variance of an estimate, and where training ends."""
    rows = []
    for (problem, network, domain), own in _grouped(
        _lines("compression.csv"), "problem", "network", "domain"
    ).items():
        law, measured = median(_numbers(own, "law")), median(_numbers(own, "measured"))
        controls = f"{int(own[0]['n_controls']):,}"
        error = _spread(_numbers(own, "error"))
        rows.append([problem, network, domain, controls, f"{law:.3g}", f"{measured:.3g}", error])
    header = ("problem", "network", "domain", "controls", "variance, law", "measured", "error")
    return _table(header, rows)


def ranks() -> str:
    """Fixed and growing ranks."""
    groups = _grouped(_lines("ranks.csv"), "network")
    rows = [[network, str(len(own)), _spread(_numbers(own, "rel_l2"))] for (network,), own in groups.items()]
    return _table(("network", "seeds", "error"), rows)


def problems() -> str:
    """The library, each chip seen from its ends."""
    rows = []
    for (problem, chip), own in _grouped(_lines("problems.csv"), "problem", "chip").items():
        target = own[0]["target"]
        rows.append(
            [
                f"`{problem}`",
                f"`{chip}`",
                str(len(own)),
                _spread(_numbers(own, "rel_l2")),
                _short(float(target)) if target not in ("", "nan") else "",
                _short(median(_numbers(own, "inferences"))),
                f"{median(_numbers(own, 'wall_s')):.0f} s",
            ]
        )
    return _table(("problem", "chip", "seeds", "error", "target", "inferences", "wall"), rows)


def mnist() -> str:
    """Every way to train on the images."""
    goals = ("0.7", "0.8", "0.85", "0.9", "0.93", "0.95")
    rows = []
    for (_, method), own in _grouped(_lines("mnist.csv"), "row", "method").items():
        row = [method, f"{int(own[0]['parameters']):,}", _spread(_numbers(own, "test_accuracy"), _percent)]
        row += [_short(median(_numbers(own, "inferences"))), f"{median(_numbers(own, 'wall_s')):.0f} s"]
        for goal in goals:
            row.append(_arrival(line[f"to_{goal}"] for line in own))
        rows.append(row)
    header = ["method, network", "parameters", "test accuracy", "inferences", "wall"]
    return _table([*header, *(f"to {_percent(float(goal))}" for goal in goals)], rows)


def stencils() -> str:
    """Each rule: errors of the residual, and of two trained problems, by noise."""
    rows = []
    for (rule,), own in _grouped(_lines("stencils.csv"), "rule").items():
        row = [f"`{rule}`", own[0]["inferences_per_point"]]
        row.append("; ".join(_short(value) for value in _numbers(own, "error_residual")))
        for problem in ("hjb20-log", "black-scholes"):
            ends = [line[f"{problem}_median"] for line in own]
            row.append("; ".join(_short(float(end)) for end in ends if end not in ("", "nan")))
        rows.append(row)
    header = ("rule", "inferences a point", "residual", "`hjb20-log` trained", "`black-scholes` trained")
    return _table(header, rows)


def access() -> str:
    """The same chips, seen less and less far: the first three seeds of each way."""
    seen = {
        "layered": ("every layer, by itself", "layered Gauss-Newton"),
        "last-layer": ("the last layer, while inputs pass", "Gauss-Newton through it"),
        "black-box": ("features behind the last layer", "Gauss-Newton in random directions"),
        "frozen": ("every layer, by itself", "none: the readout alone"),
    }
    through = _lines("last-layer.csv")
    seeds = {line["seed"] for line in through}
    lines = [*through, *(line for line in _lines("optics.csv") if line["seed"] in seeds)]
    rows = []
    for (row,), _ in _grouped(through, "row").items():
        for way, (what, how) in seen.items():
            own = [line for line in lines if (line["row"], line["way"]) == (row, way)]
            costs = (_short(median(_numbers(own, key))) for key in ("inferences", "settings", "chip_time_s"))
            rows.append([f"`{row}`", what, how, _spread(_numbers(own, "error")), *costs])
    header = ("row", "seen of the chip", "trained by", "error", "inferences", "settings", "s on the chip")
    return _table(header, rows)


def meshes() -> str:
    """Complex meshes by topology, method and size."""
    keys = ("topology", "method", "bias_max_rad", "n_modes")
    rows = []
    for (topology, method, bias, n_modes), own in _grouped(_lines("mesh-calibration.csv"), *keys).items():
        told = [line for line in own if line["true_error"]]
        right = [line for line in told if line["explained"] == "1" and float(line["true_error"]) <= 2e-3]
        rows.append(
            [
                f"{topology}, {method}",
                f"{float(bias):.2g}",
                n_modes,
                f"{len(right)} of {len(own)}" if told else "-",
                _spread(_numbers(told, "true_error")) if told else "-",
                _spread(_numbers(own, "loaded_error")),
                f"{int(median(_numbers(own, 'inferences'))):,}",
                f"{int(median(_numbers(own, 'settings'))):,}",
            ]
        )
    header = ("mesh", "biases up to", "N", "right", "matrix, unseen", "unitary loaded", "vectors", "settings")
    return _table(header, rows)


TABLES: dict[str, Callable[[], str]] = {
    "optimizers": lambda: optimizers("optimizers.csv"),
    "optimizers-detector": lambda: optimizers("optimizers-detector.csv"),
    "optimizers-layered": lambda: optimizers("optimizers-layered.csv"),
    "frozen": frozen,
    "best-optimizers": best_optimizers,
    "compression": compression,
    "ranks": ranks,
    "problems": problems,
    "mnist": mnist,
    "stencils": stencils,
    "meshes": meshes,
    "access": access,
}


def with_tables(text: str) -> str:
    """A page with its tables as the files say them."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], text)


def main() -> None:
    """Write all tables of all pages."""
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if with_tables(text) != text:
            page.write_text(with_tables(text), encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()

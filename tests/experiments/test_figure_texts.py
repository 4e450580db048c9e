"""Every figure of a run, a mesh and a study, looked at: no text overlaps another or leaves the canvas."""

import csv
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import photonzero as pz
from photonzero.experiments.drawing import run_figures, style
from photonzero.experiments.drawing.mesh_pictures import draw
from photonzero.experiments.studies.registry import STUDIES, find_plan
from photonzero.experiments.studies.running import draw_study
from photonzero.experiments.studies.training import COSTS
from photonzero.experiments.tables import comparison, mnist
from photonzero.experiments.tables.stencils import draw_stencils
from photonzero.training.oracle import ControlGroup
from tests.experiments.figure_faults import faults

LONG = "AVeryLongNameOfAnEquation on a-chip-with-a-long-name, published-detector noise, gauss-newton, more"


@pytest.fixture
def looked_at(monkeypatch):
    """Names of figures that were saved, each with what is wrong with it."""
    found = []
    plain = Figure.savefig

    def savefig(self, *arguments, **how):
        found.extend(faults(self, monkeypatch))
        return plain(self, *arguments, **how)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return found


def test_the_look_finds_what_a_reader_would(monkeypatch):
    with style.picture(2.0, 2.0) as drawn:
        axes = drawn.subplots()
        axes.text(0.5, 0.5, "one text")
        axes.text(0.52, 0.5, "another")
        drawn.text(0.9, 0.5, "far out of the figure")
    said = faults(drawn, monkeypatch)
    assert any("overlaps 'another'" in fault for fault in said)
    assert any("'far out of the figure' leaves" in fault for fault in said)


def history(inferences, errors):
    steps = np.arange(1, len(inferences) + 1)
    return np.column_stack([steps, inferences, 1.0 / steps, errors, 0.1 * steps])


@pytest.mark.parametrize(("last", "known"), [(9, True), (1_000_000, True), (3e7, False)])
def test_learning(looked_at, tmp_path, last, known):
    inferences = np.linspace(last / 20, last, 20)
    errors = 0.5 / np.arange(1, 21) if known else np.full(20, np.nan)
    labels = ("mean squared residual", "relative l2 error")
    run_figures.draw_learning(tmp_path / "a.png", LONG, history(inferences, errors), labels)
    run_figures.draw_learning(tmp_path / "b.png", LONG, history(inferences[:1], errors[:1]), labels)
    assert looked_at == []


@pytest.mark.parametrize("dim", [1, 2, 21])
@pytest.mark.parametrize(("n_out", "known"), [(3, True), (1, False)])
def test_solutions_of_any_dimension_with_and_without_an_exact_one(looked_at, tmp_path, dim, n_out, known):
    rng = np.random.default_rng(0)
    points = rng.random((1500, dim))
    exact = np.sin(points.sum(axis=1, keepdims=True) + np.arange(n_out))
    predicted = exact + 0.01 * rng.standard_normal(exact.shape)
    names = [f"x{k + 1}" for k in range(dim - 1)] + ["t"]
    outputs = ("u", "v", "p")[:n_out]
    path = tmp_path / "solution.png"
    run_figures.draw_solution(path, LONG, names, outputs, points, predicted, exact if known else None)
    assert path.stat().st_size > 5_000
    assert looked_at == []


def test_controls_of_many_groups(looked_at, tmp_path):
    groups, start = {}, 0
    for layer in range(3):
        for part in ("core0/U", "core0/S", "core0/V", "core1/U", "core1/S", "core1/V", "bias"):
            kind = "digital" if part == "bias" else "phase"
            groups[f"layer{layer}/{part}"] = ControlGroup(start, start + 4, kind, 0.0, 1.0)
            start += 4
    groups["readout/weight"] = ControlGroup(start, start + 4, "digital", 0.0, 1.0)
    rng = np.random.default_rng(0)
    before = rng.standard_normal(start + 4)
    after = before + 0.01
    after[start:] += 5.0
    run_figures.draw_controls(tmp_path / "controls.png", LONG, groups, before, after)
    assert looked_at == []


def test_answers_by_class(looked_at, tmp_path):
    labels = np.arange(2000) % 10
    run_figures.draw_confusion(tmp_path / "confusion.png", LONG, labels, np.roll(labels, 3), 10)
    assert looked_at == []


@pytest.mark.parametrize("picture", ["mesh", "transfer", "error"])
@pytest.mark.parametrize("modes", [2, 8, 40])
def test_meshes(looked_at, tmp_path, picture, modes):
    noise = pz.noise(coupler_imbalance={"angle_std_rad": 0.02})
    path = tmp_path / "mesh.png"
    draw("rectangular", n_modes=modes, picture=picture, unitary="dft", noise=noise, seed=0, out=path)
    assert looked_at == []


@pytest.mark.parametrize(
    "name",
    [
        "phase-error",
        "component-error",
        "crosstalk",
        "detector",
        "drift",
        "quantization",
        "deployment",
        "scaling",
    ],
)
@pytest.mark.parametrize("quick", [True, False])
def test_studies(looked_at, tmp_path, name, quick):
    plan = find_plan({"study": name}, ["chips=2"], quick=quick)
    assert draw_study(plan, made_up(plan), tmp_path)
    assert looked_at == []
    assert name in STUDIES


def made_up(plan):
    """Rows of a study, random numbers for what it measures."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(plan.n_samples):
        sample = plan.sample(index)
        values = {measured.name: float(rng.random()) for measured in plan.study.measured}
        rows.append({**sample.setting, "chip": sample.chip, "seed": sample.seed, **values, "failure": ""})
    return rows


@pytest.mark.parametrize("name", ["optimizers", "mnist", "compression", "ranks"])
def test_tables_of_trainings(looked_at, tmp_path, monkeypatch, name):
    plan = find_plan({"study": f"tables-{name}"})

    def kept(plan, row, folder):
        # A different level for each line, of a few steps or of one.
        number = list(plan.grid[plan.study.axes[-2].name]).index(row[plan.study.axes[-2].name])
        steps = 1 if number == 1 else 12
        inferences = np.geomspace(1e4, 1e6, steps)
        errors = 0.5 / (1 + number) / np.arange(1, steps + 1) * (1 + 0.1 * row["seed"])
        names = ("zero", "n_controls", "law", "measured", "learning_rate", *COSTS)
        numbers = {**dict.fromkeys(names, np.array(np.nan)), "stages": np.array([[1, 0]])}
        return {"history": history(inferences, errors), "stop": np.array("max_steps"), **numbers}

    monkeypatch.setattr(comparison, "kept", kept)
    monkeypatch.setattr(mnist, "kept_spreads", lambda path, data: [])
    assert draw_study(plan, made_up(plan), tmp_path)
    assert looked_at == []


def test_the_table_of_stencils(looked_at, tmp_path):
    with (Path(__file__).parents[2] / "docs/results/stencils.csv").open(encoding="utf-8") as file:
        rows = [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    draw_stencils(tmp_path / "stencils.png", rows)
    assert looked_at == []


def number(text):
    try:
        return float(text)
    except ValueError:
        return text

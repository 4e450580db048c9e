"""`photonzero tables stencils` and `tables problems`: what they measure, keep and print."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from photonzero.experiments import cli
from photonzero.experiments.studies import training
from photonzero.experiments.tables import hjb20
from photonzero.experiments.tables import stencils as stencil_table
from photonzero.experiments.tables.problems import STUDY
from photonzero.experiments.tables.stencils import (
    CHOICES,
    NOISE_LEVELS,
    TRAININGS,
    derivative_errors,
    trained_error,
)
from photonzero.experiments.tables.tuned import read_data
from photonzero.training.problems import PROBLEMS


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments)])
    cli.main()


def test_derivative_errors_follow_noise_and_rule():
    quiet = {choice.label: derivative_errors(choice, 0.0, n_points=20) for choice in CHOICES}
    noisy = {choice.label: derivative_errors(choice, 0.01, n_points=20) for choice in CHOICES}
    # Without noise the differences along axes are exact up to rounding, random rules have their variance.
    for label in ("central", "central, 4th order"):
        assert quiet[label]["error_residual"] < 1e-5 < 0.1 < noisy[label]["error_residual"]
    # 32 directions are two full sets of 32 >= 20: their Laplacian is that of the axes.
    assert (
        quiet["32 random directions"]["error_residual"]
        < 1e-2
        < quiet["8 random directions"]["error_residual"]
    )
    assert np.isnan(quiet["8 random directions"]["error_uxx"])
    assert noisy["sparse grid (published)"]["error_residual"] > 10 * noisy["central"]["error_residual"]
    assert quiet["4 of 20 dimensions"]["inferences_per_point"] == 1 + 2 * 5


def test_stencil_table_keeps_what_is_measured(monkeypatch, tmp_path, capsys):
    trained = []

    def fake(training, choice, noise_std, seed, budget):
        trained.append((training.problem, choice.label, noise_std, seed))
        return (1 + noise_std) * 10.0 ** -(1 + seed), 43, 3

    def errors(choice, noise_std):
        keys = ("error_ux", "error_uxx", "error_residual")
        return {"inferences_per_point": 43, **dict.fromkeys(keys, 0.001 + noise_std)}

    monkeypatch.setattr(stencil_table, "trained_error", fake)
    monkeypatch.setattr(stencil_table, "derivative_errors", errors)
    command = ("tables", "stencils", "--max-inferences", 1000, "--out", tmp_path, "--executor", "serial")
    command += ("--seeds", 3)
    run(monkeypatch, *command)
    # Rules that draw coordinates are trained where there are several.
    n_rules = sum(training.takes(choice) for training in TRAININGS for choice in CHOICES)
    assert n_rules == 9 + 5
    assert len(trained) == 3 * len(NOISE_LEVELS) * n_rules
    with (tmp_path / "stencils.csv").open() as file:
        rows = list(csv.DictReader(file))
    first = rows[0]
    found = [float(first[f"hjb20-log_{key}"]) for key in ("nodes", "steps", "median", "min", "max")]
    assert found == [43.0, 3.0, 1e-2, 1e-3, 1e-1]
    assert rows[-1]["black-scholes_median"] == "nan"
    assert (first["n_seeds"], first["budget"]) == ("3", "1000")
    assert (tmp_path / "figures" / "stencils.png").stat().st_size > 10_000
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(rows) + 1
    assert printed[1].split() == ["central", "0", "43", *["1.0e-03"] * 3, *["1.0e-02"] * 2]
    # What is measured is kept: with fewer or more seeds, and with another budget only what is new is trained.
    trained.clear()
    run(monkeypatch, *command[:-1], 2, "--quiet")
    assert trained == []
    run(monkeypatch, *command[:-1], 4, "--quiet")
    assert {seed for *_, seed in trained} == {3}
    assert len(trained) == len(NOISE_LEVELS) * n_rules
    trained.clear()
    other = ("tables", "stencils", "--seeds", 1, "--max-inferences", 2000, "--out", tmp_path, "--quiet")
    run(monkeypatch, *other, "--executor", "serial")
    assert len(trained) == len(NOISE_LEVELS) * n_rules
    assert capsys.readouterr().out == ""


def test_a_training_of_the_stencil_table_ends_with_its_budget():
    error, nodes, steps = trained_error(TRAININGS[1], CHOICES[0], 0.0, 0, 60_000)
    # 400 points with 5 nodes, and twice 100 of conditions: 6 evaluations the first step, 4 any other.
    assert (nodes, steps) == (5, (60_000 // 2200 - 2) // 4)
    assert error < 0.5


def test_problem_table_states_median_range_and_target(monkeypatch, tmp_path, capsys):
    def fake(parts, checkpoint):
        config = parts
        error = {0: 1e-2, 1: 2e-2, 2: 9e-2}[config.seed] * (1 if config.problem == "burgers" else 0.1)
        error *= 3 if config.frozen else 1
        result = {
            "rel_l2": error, "inferences": 4_000_000, "steps": 3, "final_loss": 1.0, "n_controls": 9,
            "wall_s": 20.0, "peak_rss_mb": 300.0, "null": {"zero": 0.9},
        }  # fmt: skip
        return SimpleNamespace(result=result, run=SimpleNamespace(history=[(1, 2, 3.0, 4.0, 5.0)]))

    monkeypatch.setattr(training, "assemble", lambda config, threads: config)
    monkeypatch.setattr(training, "train", fake)
    names = ("burgers", "poisson10", "basket5")
    run(monkeypatch, "tables", "problems", *names, "--out", tmp_path, "--executor", "serial")
    lines = capsys.readouterr().out.splitlines()
    assert "| default | 3 | 0.9 | 2.0e-02 | 1.0e-02 to 9.0e-02 | 5e-02 |" in lines[2]
    # A target is that of a trained chip.
    assert "| frozen | 3 | 0.9 | 6.0e-02 | 3.0e-02 to 2.7e-01 |  |" in lines[3]
    assert "| 2.0e-03 | 1.0e-03 to 9.0e-03 | 2e-02 |" in lines[4]
    # No promise, no target.
    assert "| 2.0e-03 | 1.0e-03 to 9.0e-03 |  |" in lines[6]
    table = (tmp_path / "problems.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * 9
    assert (
        table[0] == "problem,way,chip,seed,rel_l2,zero,target,reference_error,inferences,wall_s,peak_rss_mb"
    )


def test_the_problem_table_has_every_problem_and_targets_of_problems_only():
    assert STUDY.defaults["problem"] == list(PROBLEMS)
    assert read_data("problems")["targets"].keys() <= set(PROBLEMS)


def test_hjb20_is_compared_with_the_published_way(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(hjb20, "_GAUSS_NEWTON_INFERENCES", 400_000)
    command = ("tables", "hjb20", "--seeds", 1, "--max-inferences", 100_000, "--executor", "serial")
    run(monkeypatch, *command, "--out", tmp_path)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("forward-only Gauss-Newton ")
    lines = (tmp_path / "hjb20.csv").read_text().splitlines()
    assert lines[0] == "method,seed,inferences,steps,rel_l2,wall_s"
    # The budget of the published way ends before its first step: there is nothing to compare with.
    assert len(lines) == 2
    assert (tmp_path / "figures" / "hjb20.png").stat().st_size > 10_000


@pytest.mark.parametrize("arguments", [("--max-inferences", "0"), ("--seeds", "0"), ("--steps", "3")])
def test_bad_options_of_the_stencil_table_end_with_code_2(monkeypatch, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "tables", "stencils", *arguments)
    assert stopped.value.code == 2
    assert arguments[0] in capsys.readouterr().err

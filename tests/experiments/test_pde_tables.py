"""`photonzero tables stencils` and `tables problems`: what they measure, keep and print."""

import sys

import numpy as np
import pytest

from photonzero.experiments import cli
from photonzero.experiments.tables import problems as problem_table
from photonzero.experiments.tables import stencils as stencil_table
from photonzero.experiments.tables.stencils import (
    CHOICES,
    NOISE_LEVELS,
    TRAININGS,
    derivative_errors,
    read_rows,
    trained_error,
)


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
    command = ("tables", "stencils", "--seeds", 3, "--max-inferences", 1000, "--out", tmp_path)
    run(monkeypatch, *command)
    # Rules that draw coordinates are trained where there are several.
    n_rules = sum(training.takes(choice) for training in TRAININGS for choice in CHOICES)
    assert n_rules == 9 + 5
    assert len(trained) == 3 * len(NOISE_LEVELS) * n_rules
    rows = read_rows(tmp_path / "stencils.csv")
    first = rows[0]
    found = [first[f"hjb20-log_{key}"] for key in ("nodes", "steps", "median", "min", "max")]
    assert found == [43.0, 3.0, 1e-2, 1e-3, 1e-1]
    assert np.isnan(rows[-1]["black-scholes_median"])
    assert (tmp_path / "stencils.png").stat().st_size > 10_000
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(rows)
    assert printed[1].split() == ["central", "0", "43", *["1.0e-03"] * 3, *["1.0e-02"] * 2]
    monkeypatch.setattr(stencil_table, "draw_stencils", lambda path, rows: None)
    # A row that is lost is measured again, the others are not; another budget is another table.
    text = (tmp_path / "stencils.csv").read_text().splitlines(keepends=True)
    (tmp_path / "stencils.csv").write_text("".join(text[:-1]))
    trained.clear()
    run(monkeypatch, *command, "--quiet")
    assert trained == [("hjb20-log", CHOICES[-1].label, NOISE_LEVELS[-1], seed) for seed in range(3)]
    assert capsys.readouterr().out == ""
    run(
        monkeypatch,
        "tables",
        "stencils",
        "--seeds",
        1,
        "--max-inferences",
        2000,
        "--out",
        tmp_path,
        "--quiet",
    )
    assert {row["budget"] for row in read_rows(tmp_path / "stencils.csv")} == {2000}


def test_a_training_of_the_stencil_table_ends_with_its_budget():
    error, nodes, steps = trained_error(TRAININGS[1], CHOICES[0], 0.0, 0, 60_000)
    # 400 points with 5 nodes, and twice 100 of conditions: 6 evaluations the first step, 4 any other.
    assert (nodes, steps) == (5, (60_000 // 2200 - 2) // 4)
    assert error < 0.5


def test_problem_table_states_median_range_and_target(monkeypatch, tmp_path, capsys):
    def fake(config, folder, quiet):
        error = {0: 1e-2, 1: 2e-2, 2: 9e-2}[config.seed] * (1 if config.problem == "burgers" else 0.1)
        return {
            "problem": config.problem, "chip": config.chip, "seed": config.seed, "rel_l2": error,
            "inferences": 4e6, "wall_s": 20.0, "peak_rss_mb": 300.0,
        }  # fmt: skip

    monkeypatch.setattr(problem_table, "finished_run", fake)
    run(monkeypatch, "tables", "problems", "burgers", "poisson10", "basket5", "--out", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "| 2.0e-02 | 1.0e-02 to 9.0e-02 | 5e-02 |" in lines[2]
    assert "| 2.0e-03 | 1.0e-03 to 9.0e-03 | 2e-02 |" in lines[3]
    # No promise, no target.
    assert "| 2.0e-03 | 1.0e-03 to 9.0e-03 |  |" in lines[4]
    assert len((tmp_path / "problems.csv").read_text().splitlines()) == 1 + 9


@pytest.mark.parametrize("arguments", [("--max-inferences", "0"), ("--seeds", "0"), ("--steps", "3")])
def test_bad_options_of_the_stencil_table_end_with_code_2(monkeypatch, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "tables", "stencils", *arguments)
    assert stopped.value.code == 2
    assert arguments[0] in capsys.readouterr().err

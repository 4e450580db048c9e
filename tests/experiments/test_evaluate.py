"""A trained chip asked at points of a file, and runs compared by their files alone."""

import numpy as np
import pytest

import photonzero as pz
from tests.experiments.command import command, refused

SMALL = {"max_steps": 2, "batch_size": 20, "points.n_test": 50, "points.n_validation": 20}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        pz.train("hjb2", noise="ideal", seed=seed, out=folder / name, **SMALL)
    return folder


def test_the_answers_at_a_grid_are_those_of_the_run_in_any_order_of_columns(
    runs, tmp_path, monkeypatch, capsys
):
    points = np.random.default_rng(0).random((5, 3))
    (tmp_path / "grid.csv").write_text(
        "t,x2,x1\n" + "\n".join(f"{t},{b},{a}" for a, b, t in points.tolist()) + "\n"
    )
    out = tmp_path / "new" / "answers.csv"
    command(monkeypatch, "evaluate", runs / "a", "--points", tmp_path / "grid.csv", "--out", out)
    header, *lines = out.read_text().splitlines()
    assert header == "x1,x2,t,u,exact_u"
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    np.testing.assert_array_equal(rows[:, :3], points)
    np.testing.assert_array_equal(rows[:, 3:4], pz.load_run(runs / "a").predict(points))
    # Without a file the same is on the terminal.
    capsys.readouterr()
    command(monkeypatch, "evaluate", runs / "a", "--points", tmp_path / "grid.csv")
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns none; allowed: x1, x2, t"),
        ("x1,x2\n1,2\n", "columns x1, x2; allowed: x1, x2, t"),
        ("x1,x2,t\n", "no points"),
        ("x1,x2,t\n0.1,0.2,nan\n", "some that are not finite"),
        ("x1,x2,t\n0.1,0.2\n", "line 2: list index out of range; allowed: 3 numbers"),
        ("x1,x2,t\n0.1,0.2,0\n0.1,b,0\n", "line 3: could not convert"),
    ],
)
def test_a_file_without_points_is_refused(runs, tmp_path, monkeypatch, capsys, text, message):
    (tmp_path / "grid.csv").write_text(text)
    said = refused(monkeypatch, capsys, "evaluate", runs / "a", "--points", tmp_path / "grid.csv")
    assert f"{tmp_path / 'grid.csv'}: " in said
    assert message in said


def test_compared_runs_say_what_differs_and_whether_the_bits_are_the_same(runs, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    command(monkeypatch, "compare", runs / "a", runs / "b", runs / "c")
    lines = {
        line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:] if line.split()
    }
    assert lines["seed"] == ["0", "1", "0"]
    assert lines["chip_seed"] == ["0", "1", "0"]
    assert lines["steps"] == ["2", "2", "2"]
    assert "batch_size" not in lines
    assert " ".join(lines["controls"]).endswith("at most the same bits")
    assert lines["rel_l2"][0] == lines["rel_l2"][2] != lines["rel_l2"][1]


def test_what_cannot_be_compared_is_named(runs, tmp_path, monkeypatch, capsys):
    assert "two run folders or more" in refused(monkeypatch, capsys, "compare", runs / "a")
    assert "holds no run" in refused(monkeypatch, capsys, "compare", runs / "a", tmp_path)

import math

import pytest
from click.testing import CliRunner

from photonzero.experiments.commands.tables import tables
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.running import load_study, sweep
from photonzero.experiments.tables import tuned as tuning
from photonzero.experiments.tables.optimizers import METHODS, TUNED, chosen_in, keep_choice
from photonzero.experiments.tables.tuned import search
from photonzero.training.errors import MeasurementError


def distance_to(best):
    return lambda value: abs(math.log(value / best))


@pytest.mark.parametrize(
    ("best", "tried"),
    [
        (0.03, [0.01, 0.03, 0.1]),
        (1.0, [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
        (1e9, [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
        (0.003, [0.001, 0.003, 0.01, 0.03, 0.1]),
    ],
)
def test_a_best_value_at_the_end_is_followed_beyond_it(best, tried):
    errors = search(distance_to(best), (0.01, 0.03, 0.1), beyond=3)
    assert sorted(errors) == tried
    assert min(errors, key=errors.__getitem__) == min(tried, key=distance_to(best))


def test_ratios_of_two_are_continued_too():
    assert sorted(search(distance_to(0.8), (0.1, 0.2, 0.4), beyond=2)) == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_nothing_is_followed_where_every_value_diverges():
    assert list(search(lambda value: math.inf, (0.1, 0.2, 0.4), beyond=2)) == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("noise", TUNED)
def test_every_method_is_tuned_for_every_noise_and_problem(noise):
    names = {method.optimizer for method in METHODS.values() if method.key is not None}
    for problem in ("hjb20", "black-scholes"):
        assert TUNED[noise][problem].keys() == names


FEW = {"problem": "hjb2", "method": ["gauss-newton", "spsa"]}


def test_a_noise_that_was_not_tuned_for_is_refused_until_it_is(tmp_path):
    with pytest.raises(UsageError, match="step sizes: none for hjb2 with ideal"):
        sweep("tables-optimizers", FEW, noise="ideal", out=tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    options = {"noise": "ideal", "max_inferences": 150_000}
    table = sweep("tables-optimizers-tuning", {**FEW, "method": "spsa"}, out=tmp_path / "tuning", **options)
    chosen = keep_choice(tmp_path, "ideal", table)
    assert chosen == chosen_in(tmp_path, "ideal") == {"hjb2": {"spsa": table["value"][0]}}
    found = table.kept(0)
    assert found["errors"].min() == table["error"][0]
    assert set(METHODS["spsa"].values) <= set(found["values"].tolist())
    grid = {**FEW, "seed": 0}
    compared = sweep("tables-optimizers", grid, out=tmp_path, **options, tuned=chosen)
    assert compared.n_failed == 0
    lines = (tmp_path / "optimizers.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].split(",") == [
        "problem", "noise", "method", "step", "seed", "inferences", "steps", "rel_l2", "zero", "wall_s",
        "to_0.05", "to_0.01", "to_0.002",
    ]  # fmt: skip
    assert lines[2].split(",")[3] == str(table["value"][0])
    assert (tmp_path / "figures" / "optimizers.png").stat().st_size > 10_000
    # Another noise or another choice is tuned beside the first, which stays.
    keep_choice(tmp_path, "published", table)
    assert chosen_in(tmp_path, "ideal") == chosen


def test_a_run_that_diverges_is_never_chosen_and_a_search_goes_on_where_it_was(tmp_path, monkeypatch):
    def diverges(parts):
        raise MeasurementError("nan")

    monkeypatch.setattr(tuning, "assemble", lambda config, threads: config)
    monkeypatch.setattr(tuning, "train", diverges)
    scratch = tmp_path / "search.checkpoint.npz"
    errors = tuning.errors_of_values(lambda value, seed: None, (1.0, 2.0, 4.0), (100, 101), 3, scratch)
    assert errors == dict.fromkeys((1.0, 2.0, 4.0), math.inf)
    monkeypatch.setattr(tuning, "last_error", None)
    assert tuning.errors_of_values(lambda value, seed: None, (1.0, 2.0, 4.0), (100,), 3, scratch) == errors


def test_the_command_tunes_and_then_compares(tmp_path):
    run = CliRunner().invoke
    how = ["--executor", "serial", "--out", str(tmp_path), "--max-inferences", "80000", "--noise", "ideal"]
    answer = run(tables, ["optimizers", "hjb2", *how, "--tune", "--quiet"], catch_exceptions=False)
    assert "'sign-sgd'" in answer.output
    answer = run(tables, ["optimizers", "hjb2", *how, "--seeds", "1"], catch_exceptions=False)
    assert "hjb2" in answer.output
    assert "frozen optics, readout alone" in answer.output
    assert "the network at zero" in answer.output
    assert len(load_study(tmp_path)) == len(METHODS)

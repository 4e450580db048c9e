import math

import pytest

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tables import optimizers as optimizer_table
from photonzero.experiments.tables.optimizers import (
    METHODS,
    TUNED,
    compare_optimizers,
    search,
    step_sizes,
    tune,
)


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
    names = {method.optimizer for method in METHODS if method.key is not None}
    for problem in ("hjb20", "black-scholes"):
        assert TUNED[noise][problem].keys() == names


def test_a_noise_that_was_not_tuned_for_is_refused_until_it_is(tmp_path, monkeypatch):
    few = tuple(m for m in METHODS if m.optimizer in ("gauss-newton", "spsa"))
    monkeypatch.setattr(optimizer_table, "METHODS", few)
    monkeypatch.setattr(optimizer_table, "_BEYOND", 0)
    with pytest.raises(UsageError, match="step sizes: none for hjb2 with ideal"):
        compare_optimizers(tmp_path, ("hjb2",), 1, "ideal", 10_000, quiet=True)
    chosen = tune(tmp_path, ("hjb2",), "ideal", 2_000, quiet=True)
    assert step_sizes(tmp_path, "hjb2", "ideal") == chosen["hjb2"]
    compare_optimizers(tmp_path, ("hjb2",), 1, "ideal", 100_000, quiet=True)
    lines = (tmp_path / "optimizers.csv").read_text().splitlines()
    assert len(lines) == 3
    assert (tmp_path / "optimizers.png").stat().st_size > 10_000

"""Dense twins, variances of gradient estimates, and ranks that grow while training."""

import csv

import numpy as np
import pytest

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import apply_settings
from photonzero.experiments.studies.running import sweep
from photonzero.experiments.tables import compression
from photonzero.experiments.tables.compression import gradient_spread
from photonzero.experiments.tables.ranks import train_growing
from photonzero.photonics.designs import get_design
from photonzero.photonics.networks.twins import dense_twin, with_rank


def tiny(optimizer, *settings):
    table = default_table("hjb2", optimizer, None, "ideal")
    common = ("chip='tt-tiny'", "batch_size=40", "points.n_test=50", "points.n_validation=50")
    return apply_settings(table, (*common, *settings))


def test_a_dense_twin_has_the_widths_and_all_entries():
    design = get_design("tt-black-scholes")
    dense = dense_twin(design, (2, 128, 128))
    assert [(layer.n_in, layer.n_out) for layer in dense.layers] == [(2, 128), (128, 128)]
    assert [layer.core_shapes for layer in dense.layers] == [((128, 2),), ((128, 128),)]
    assert [layer.gain for layer in dense.layers] == [2.0, 1.0]
    assert {layer.core.kind for layer in dense.layers} == {"numbers"}


def test_the_variance_of_an_estimate_follows_its_law():
    n_controls, law, measured = gradient_spread(resolve(tiny("rge-adam", "dtype='float64'")), 6, 400)
    assert law == (n_controls - 1) / 6
    # The mean of 400 ratios of quadratic forms, each about 1 / sqrt(6 / 2) wide.
    assert measured == pytest.approx(law, rel=4 * np.sqrt(2 / 6 / 400))


def test_the_comparison_trains_dense_and_tensor_train_with_a_rate_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "_BEYOND", 0)
    monkeypatch.setattr(compression, "_LEARNING_RATES", (0.01, 0.03))
    grid = {"problem": "digits", "domain": "weight", "seed": 0}
    table = sweep("tables-compression", grid, max_inferences=20_000, estimates=2, out=tmp_path)
    assert table.n_failed == 0
    with (tmp_path / "compression.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["network"] for line in lines] == ["tensor train", "dense"]
    assert int(lines[1]["n_controls"]) > 5 * int(lines[0]["n_controls"])
    for line, row in zip(lines, table.rows(), strict=True):
        assert float(line["law"]) == (int(line["n_controls"]) - 1) / 28
        assert float(line["learning_rate"]) in (0.01, 0.03)
        assert float(line["error"]) == row["error"]
        assert int(line["inferences"]) <= 20_000
    assert (tmp_path / "figures" / "compression.png").stat().st_size > 10_000
    # Another seed takes the rates that were chosen.
    monkeypatch.setattr(compression, "errors_of_values", None)
    assert len(sweep("tables-compression", {**grid, "seed": [0, 1]}, max_inferences=20_000, estimates=2,
                     out=tmp_path)) == 4  # fmt: skip


def test_ranks_grow_when_training_stalls_and_the_error_does_not_jump():
    config = resolve(tiny("gauss-newton", "limits.max_inferences=250000", "dtype='float64'"))
    found = train_growing(config, (1, 2, 3))
    assert [rank for rank, _ in found.stages] == [1, 2, 3]
    inferences, errors = found.history[:, 1], found.history[:, 3]
    assert (np.diff(inferences) > 0).all()
    assert inferences[-1] <= 250_000
    for _, spent in found.stages[1:]:
        before = errors[inferences <= spent][-1]
        after = errors[inferences > spent][0]
        assert after < 10 * before
    assert found.rel_l2 < 1e-2


def test_ranks_are_set_and_checked():
    assert [layer.ranks for layer in with_rank(get_design("tt-hjb20"), 5).layers] == [(1, 5, 5, 5, 1)] * 2
    with pytest.raises(UsageError, match=r"ranks: \(2, 2\); allowed: increasing"):
        train_growing(resolve(tiny("gauss-newton")), (2, 2))


def test_ranks_are_compared_with_one_that_grows(tmp_path):
    options = {"problem": "hjb2", "max_inferences": 300_000, "ranks": [1, 2]}
    grid = {"network": ["rank 2", "growing"], "seed": 0}
    table = sweep("tables-ranks", grid, out=tmp_path, **options)
    assert table.n_failed == 0
    with (tmp_path / "ranks.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["network"] for line in lines] == ["rank 2", "growing"]
    assert lines[0]["stages"] == "2@0"
    assert lines[1]["stages"].startswith("1@0")
    assert (tmp_path / "figures" / "ranks.png").stat().st_size > 10_000

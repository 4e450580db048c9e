"""Dense twins, variances of gradient estimates, and ranks that grow while training."""

import numpy as np
import pytest

from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import apply_settings
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
    spread = gradient_spread(tiny("rge-adam", "dtype='float64'"), 6, 400)
    assert spread.law == (spread.n_controls - 1) / 6
    # The mean of 400 ratios of quadratic forms, each about 1 / sqrt(6 / 2) wide.
    assert spread.measured == pytest.approx(spread.law, rel=4 * np.sqrt(2 / 6 / 400))


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

"""Derivatives of rounded answers: stencils too narrow for the arithmetic are refused, others are not."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective
from photonzero.training.objective.pinn.rounding import check_rounding
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule

SINGLE, DOUBLE = (float(np.finfo(kind).eps) for kind in (np.float32, np.float64))


def blocks(rule, **options):
    return PinnObjective(get_problem("black-scholes"), make_rule(rule, **options), 5, seed=0).blocks


@pytest.mark.parametrize(
    ("rule", "length"), [("central", "spacing"), ("central4", "spacing"), ("sparse-grid", "sigma")]
)
def test_a_spacing_whose_rounding_drowns_the_derivative_is_refused(rule, length):
    for narrow in (1e-4, 1e-12):
        with pytest.raises(ArgumentError, match=r"rounding alone makes errors of .* %"):
            check_rounding(blocks(rule, **{length: narrow}), SINGLE)
    check_rounding(blocks(rule), SINGLE)
    # Double precision resolves what single does not.
    check_rounding(blocks(rule, **{length: 1e-4}), DOUBLE)


@pytest.mark.parametrize("length", [1e-200, 1e300, -(10**25), "near", [1.0], 0.0, float("nan")])
def test_a_length_that_is_none_is_named(length):
    with pytest.raises(ArgumentError, match=r"spacing: .*allowed:.*finite number"):
        make_rule("central", spacing=length)


def test_a_grid_that_would_never_be_made_is_refused():
    with pytest.raises(ArgumentError, match=r"level: 49 in 21 coordinates .* allowed: a lower level"):
        make_rule("sparse-grid", level=49).stencil(21, np.random.default_rng(0))
    with pytest.raises(
        ArgumentError, match="n_directions: 2147483648; allowed: integers >= 1, up to 1000000"
    ):
        make_rule("hutchinson", n_directions=2**31)
    with pytest.raises(ArgumentError, match=r"family: \[nan\]; allowed: a name"):
        make_rule("sparse-grid", family=[float("nan")])

"""One-dimensional rules: degree, symmetry, nesting, and agreement with an independent package."""

from math import prod
from pathlib import Path

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.quadrature import family_rule, gauss_hermite, genz_keister, kronrod_patterson

REFERENCE = Path(__file__).parents[2] / "golden" / "sparse_grid_reference.npz"
LEVELS = {
    "gauss-hermite": range(1, 21),
    "genz-keister": range(1, 6),
    "kronrod-patterson": range(1, 27),
}
CASES = [(family, level) for family, levels in LEVELS.items() for level in levels]


def moment(power):
    return 0.0 if power % 2 else float(prod(range(1, power, 2)))


@pytest.mark.parametrize(("family", "level"), CASES)
def test_moments_up_to_the_promised_degree(family, level):
    rule = family_rule(family, level)
    nodes, weights = rule.full()
    assert rule.degree >= 2 * level - 1
    for power in range(rule.degree + 1):
        # Roundoff: the sum of n terms of one sign, each with the rounding of a power of a node.
        tolerance = 1e-14 * (power + 10) * max(moment(power), np.abs(weights) @ np.abs(nodes) ** power)
        assert abs(weights @ nodes**power - moment(power)) <= tolerance, power


@pytest.mark.parametrize(("family", "level"), CASES)
def test_the_degree_is_not_higher(family, level):
    rule = family_rule(family, level)
    nodes, weights = rule.full()
    power = rule.degree + 1
    assert abs(weights @ nodes**power - moment(power)) > 1e-9 * moment(power)


@pytest.mark.parametrize(("family", "level"), CASES)
def test_mirrored_nodes_are_equal_in_bits(family, level):
    nodes, weights = family_rule(family, level).full()
    assert np.array_equal(nodes, -nodes[::-1])
    assert np.array_equal(weights, weights[::-1])


@pytest.mark.parametrize("family", [genz_keister, kronrod_patterson])
def test_nested_rules_keep_all_nodes(family):
    levels = LEVELS[family.__name__.replace("_", "-")]
    for level in levels[1:]:
        assert set(family(level - 1).nodes) <= set(family(level).nodes)


def test_growth_of_the_nested_rules():
    sizes = [2 * len(kronrod_patterson(level).nodes) - 1 for level in (1, 2, 3, 4, 5, 8, 9, 10, 16)]
    assert sizes == [1, 3, 3, 7, 9, 9, 17, 19, 35]
    assert [2 * len(genz_keister(level).nodes) - 1 for level in range(1, 6)] == [1, 3, 9, 19, 35]


def test_closed_forms_are_exact():
    assert gauss_hermite(2).nodes == (1.0,)
    assert gauss_hermite(3).nodes[1] == np.sqrt(3)


@pytest.mark.parametrize("n_nodes", [1, 3, 7, 9, 17, 19])
def test_nested_rules_against_chaospy(n_nodes):
    with np.load(REFERENCE) as reference:
        expected_nodes = reference[f"nested_nodes_{n_nodes}"]
        expected_weights = reference[f"nested_weights_{n_nodes}"]
    level = {1: 1, 3: 2, 7: 4, 9: 5, 17: 9, 19: 10}[n_nodes]
    nodes, weights = kronrod_patterson(level).full()
    order = np.argsort(expected_nodes)
    # The reference's table is right to the last digits in its negative half only: the largest
    # positive node of 19 is 5e-8 off its mirror image there.
    half = slice(0, n_nodes // 2 + 1)
    np.testing.assert_allclose(nodes[half], expected_nodes[order][half], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weights[half], expected_weights[order][half], rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize(
    ("family", "level", "message"),
    [
        ("gauss", 3, "family: 'gauss'; allowed: gauss-hermite, genz-keister, kronrod-patterson"),
        ("gauss-hermite", 0, "level: 0; allowed: integers >= 1"),
        ("genz-keister", 6, "level: 6; allowed for genz-keister: 1..5"),
        ("kronrod-patterson", 27, "level: 27; allowed for kronrod-patterson: 1..26"),
    ],
)
def test_bad_input(family, level, message):
    with pytest.raises(ArgumentError) as caught:
        family_rule(family, level)
    assert str(caught.value) == message

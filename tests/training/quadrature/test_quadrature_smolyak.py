"""Sparse grids: published counts and weights, all monomials, symmetry, an independent package."""

import time
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.quadrature import FAMILIES, family_rule, smolyak

REFERENCE = Path(__file__).parents[2] / "golden" / "sparse_grid_reference.npz"
SMALL = [(1, 4), (2, 3), (2, 5), (3, 4), (4, 3), (5, 2), (5, 4)]


def sorted_rows(nodes, weights):
    order = np.lexsort(nodes.round(8).T)
    return nodes[order], weights[order]


def monomials(dim, degree):
    """Exponents of total degree up to `degree`."""
    return [p for p in product(range(degree + 1), repeat=dim) if sum(p) <= degree]


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(("dim", "level"), SMALL)
def test_all_monomials_up_to_the_promised_degree(family, dim, level):
    grid = smolyak(dim, level, family)
    assert grid.degree == 2 * level - 1
    nodes = grid.nodes.toarray()
    powers = nodes[None] ** np.arange(grid.degree + 1)[:, None, None]
    for exponents in monomials(dim, grid.degree):
        terms = grid.weights * prod(powers[p, :, i] for i, p in enumerate(exponents))
        expected = prod(0 if p % 2 else prod(range(1, p, 2)) for p in exponents)
        # Roundoff: cancelling sums are as exact as their largest terms allow.
        assert abs(terms.sum() - expected) <= 1e-13 * np.abs(terms).sum() + 1e-13, exponents


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_equals_the_sum_over_tensor_grids(family):
    """The slow, obvious twin: the combination of tensor rules, merged by coordinates."""
    from math import comb

    dim, level = 3, 4
    total = {}
    for levels in product(range(1, level + 1), repeat=dim):
        gap = level - 1 - sum(order - 1 for order in levels)
        if not 0 <= gap <= dim - 1:
            continue
        factor = (-1) ** gap * comb(dim - 1, gap)
        rules = [list(zip(*family_rule(family, order).full(), strict=True)) for order in levels]
        for point in product(*rules):
            key = tuple(float(x) for x, _ in point)
            total[key] = total.get(key, 0.0) + factor * prod(w for _, w in point)
    grid = smolyak(dim, level, family)
    ours = dict(zip(map(tuple, grid.nodes.toarray().tolist()), grid.weights, strict=True))
    assert set(ours) <= set(total)
    for key, weight in total.items():
        assert ours.get(key, 0.0) == pytest.approx(weight, abs=1e-13)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(("dim", "level"), [*SMALL, (21, 3), (10, 4)])
def test_mirror_images_are_equal_in_bits(family, dim, level):
    grid = smolyak(dim, level, family)
    nodes = grid.nodes.toarray()
    assert np.array_equal(nodes[grid.mirror], -nodes)
    assert np.array_equal(grid.weights[grid.mirror], grid.weights)
    assert len({row.tobytes() for row in nodes + 0.0}) == grid.n_nodes


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (21, {204.0: 1, -10.0: 42, 1 / 6: 42, 1 / 4: 840}),
        (2, {4 / 3: 1, -1 / 2: 4, 1 / 6: 4, 1 / 4: 4}),
    ],
)
def test_published_counts_and_weights(dim, expected):
    grid = smolyak(dim, 3)
    assert grid.n_nodes == sum(expected.values())
    for weight, count in expected.items():
        assert np.isclose(grid.weights, weight, rtol=1e-12).sum() == count


@pytest.mark.parametrize(("dim", "level"), [(1, 4), (2, 3), (2, 6), (3, 4), (5, 3), (21, 3)])
def test_against_chaospy(dim, level):
    with np.load(REFERENCE) as reference:
        expected = (reference[f"nodes_d{dim}_l{level}"], reference[f"weights_d{dim}_l{level}"])
    grid = smolyak(dim, level)
    nodes, weights = sorted_rows(grid.nodes.toarray(), grid.weights)
    expected_nodes, expected_weights = sorted_rows(*expected)
    np.testing.assert_allclose(nodes, expected_nodes, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-10, atol=1e-12)


def test_hundred_dimensions_are_quick_and_sparse():
    smolyak.cache_clear()
    start = time.perf_counter()
    grid = smolyak(100, 3)
    assert time.perf_counter() - start < 2.0
    assert grid.n_nodes == 20_201
    assert grid.nodes.nnz == 2 * 200 + 2 * 19_800
    assert grid.weights.sum() == pytest.approx(1.0, abs=1e-10)


def test_cached_and_read_only():
    grid = smolyak(3, 3)
    assert smolyak(3, 3) is grid
    for array in (grid.weights, grid.mirror, grid.nodes.data):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_level_one_is_the_centre():
    grid = smolyak(4, 1)
    assert grid.n_nodes == 1
    assert not grid.nodes.toarray().any()
    assert grid.weights.tolist() == [1.0]


@pytest.mark.parametrize(
    ("dim", "level", "message"),
    [
        (0, 3, "dim: 0; allowed: integers >= 1"),
        (2, 0, "level: 0; allowed: integers >= 1"),
        (2.0, 3, "dim: 2.0; allowed: integers >= 1"),
        (2, True, "level: True; allowed: integers >= 1"),
    ],
)
def test_bad_input(dim, level, message):
    with pytest.raises(ArgumentError) as caught:
        smolyak(dim, level)
    assert str(caught.value) == message

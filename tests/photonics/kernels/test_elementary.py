import numpy as np
import pytest
from numba import njit

from photonzero.photonics.kernels import elementary
from photonzero.photonics.kernels.jit import JIT
from photonzero.photonics.kernels.normals import add_normals, mix64


def mapped(name):
    function = getattr(elementary, name)

    @njit(**JIT)
    def apply(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return apply


@pytest.mark.parametrize(
    ("name", "low", "high", "bound32", "bound64"),
    [
        ("sin", -1000.0, 1000.0, 2e-7, 4e-16),
        ("tanh", -30.0, 30.0, 3e-7, 5e-16),
        ("exp", -20.0, 0.0, 2e-7, 5e-16),
        ("log", 1e-6, 50.0, 6e-7, 2e-15),
    ],
)
def test_close_to_numpy_in_extended_precision(name, low, high, bound32, bound64):
    apply = mapped(name)
    for dtype, bound in ((np.float32, bound32), (np.float64, bound64)):
        x = np.linspace(low, high, 20_011).astype(dtype)
        out = np.empty_like(x)
        apply(x, out)
        exact = getattr(np, name)(x.astype(np.longdouble))
        assert np.abs(out - exact).max() <= bound


def test_sine_is_odd_and_exact_at_zero():
    apply = mapped("sin")
    x = np.array([0.0, 0.5, -0.5, 100.0, -100.0], np.float32)
    out = np.empty_like(x)
    apply(x, out)
    assert out[0] == 0.0
    assert out[1] == -out[2]
    assert out[3] == -out[4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sine_never_exceeds_one_and_keeps_nan(dtype):
    apply = mapped("sin")
    x = np.concatenate([np.logspace(0, 37, 5000), -np.logspace(0, 37, 5000), [np.nan]]).astype(dtype)
    out = np.empty_like(x)
    apply(x, out)
    assert np.abs(out[:-1]).max() <= 1.0 + 1e-6
    assert np.isnan(out[-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_have_the_moments_and_tails_of_a_gaussian(dtype):
    from scipy import stats

    n_rows, width = 500, 400
    values = np.zeros(n_rows * width, dtype)
    add_normals(values, n_rows, width, dtype(2.0), np.uint64(7))
    z = values.astype(np.float64) / 2.0
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(stats.kurtosis(z)) < 4 * np.sqrt(24 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    rows = z.reshape(n_rows, width)
    # Neighbours in either direction, and the two of a Box-Muller pair, are uncorrelated.
    for a, b in ((rows[:, :-1], rows[:, 1:]), (rows[:-1], rows[1:])):
        assert abs(np.mean(a * b)) < 4 / np.sqrt(a.size)
    pairs = rows[0::2] ** 2 * rows[1::2] ** 2
    assert abs(pairs.mean() - 1) < 4 * np.sqrt(8 / pairs.size)


def test_normals_depend_on_key_and_place_alone():
    def draw(key, n_rows=5, width=16):
        values = np.zeros(n_rows * width)
        add_normals(values, n_rows, width, 1.0, np.uint64(key))
        return values

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.abs(np.corrcoef(draw(1, 100, 100), draw(2, 100, 100))[0, 1]) < 4 / 100
    # An odd number of rows: each row as if there were one more.
    np.testing.assert_array_equal(draw(1, 5), draw(1, 6)[: 5 * 16])


def test_keys_derived_from_neighbours_differ_in_half_of_their_bits():
    distance = [bin(int(mix64(np.uint64(k))) ^ int(mix64(np.uint64(k + 1)))).count("1")
                for k in range(500)]  # fmt: skip
    assert np.mean(distance) == pytest.approx(32, abs=4 * 4 / np.sqrt(500))

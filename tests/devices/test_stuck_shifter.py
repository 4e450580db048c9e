import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.stuck_shifter import StuckShifters, apply_stuck


def test_share_of_stuck_shifters_is_the_probability():
    n, p = 50_000, 0.03
    stuck, held = StuckShifters(probability=p, value_rad=0.7).draw(n, np.random.default_rng(2))
    assert abs(stuck.mean() - p) < 4 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_array_equal(held, np.full(n, 0.7))


def test_spread_phases_are_uniform_about_the_value():
    n = 50_000
    model = StuckShifters(probability=1.0, value_rad=0.5, spread_rad=np.pi)
    stuck, held = model.draw(n, np.random.default_rng(3))
    assert stuck.all()
    assert np.abs(held - 0.5).max() <= np.pi
    assert abs(held.mean() - 0.5) < 4 * np.pi / np.sqrt(3 * n)
    assert held.var() == pytest.approx(np.pi**2 / 3, rel=0.02)


def test_a_higher_probability_keeps_the_shifters_that_were_stuck():
    few, held_few = StuckShifters(0.1, spread_rad=1.0).draw(500, np.random.default_rng(4))
    many, held_many = StuckShifters(0.4, spread_rad=1.0).draw(500, np.random.default_rng(4))
    assert few.sum() < many.sum()
    assert (many | ~few).all()
    np.testing.assert_array_equal(held_few, held_many)


def test_stuck_phases_replace_the_commanded_ones_for_every_setting():
    phases = np.arange(6.0).reshape(2, 3)
    out = apply_stuck(phases, np.array([False, True, False]), np.array([9.0, -1.0, 9.0]))
    np.testing.assert_array_equal(out, [[0.0, -1.0, 2.0], [3.0, -1.0, 5.0]])
    assert phases[0, 1] == 1.0


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"probability": 1.5}, "probability"),
        ({"value_rad": float("inf")}, "value_rad"),
        ({"spread_rad": 4.0}, "spread_rad"),
    ],
)
def test_bad_parameters_are_named(kwargs, field):
    with pytest.raises(DeviceError, match=rf"stuck_shifters\.{field}: "):
        StuckShifters(**kwargs)

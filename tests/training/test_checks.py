"""Options and arguments check themselves, in one clear line."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

from photonzero.training.checks import (
    at_least,
    checked_count,
    checked_positive,
    one_of,
    positive,
    require,
)
from photonzero.training.errors import ArgumentError


@dataclass(frozen=True)
class Settings:
    steps: int | None = 3
    size: float = 0.5
    kind: str = "plain"

    def __post_init__(self):
        at_least(self, steps=2)
        positive(self, "size")
        one_of(self, kind=("plain", "fancy"))
        require(self, "size", self.size <= 1, "above 0 up to 1")


@pytest.mark.parametrize("given", [{}, {"steps": None}, {"steps": 2}, {"size": 1}, {"kind": "fancy"}])
def test_what_is_allowed_passes(given):
    assert Settings(**given) is not None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 1}, "steps: 1; allowed: >= 2"),
        ({"steps": math.nan}, "steps: nan; allowed: >= 2"),
        ({"size": 0.0}, "size: 0.0; allowed: > 0, and finite"),
        ({"size": -1}, "size: -1; allowed: > 0, and finite"),
        ({"size": math.inf}, "size: inf; allowed: > 0, and finite"),
        ({"size": math.nan}, "size: nan; allowed: > 0, and finite"),
        ({"size": 2.0}, "size: 2.0; allowed: above 0 up to 1"),
        ({"kind": "odd"}, "kind: 'odd'; allowed: plain, fancy"),
    ],
)
def test_a_field_out_of_range_is_named_with_what_is_allowed(given, message):
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        Settings(**given)


@pytest.mark.parametrize("number", [True, "3", 0, 2.0, None])
def test_what_is_no_count_is_refused(number):
    with pytest.raises(ArgumentError, match=re.escape(f"n: {number!r}; allowed: integers >= 1")):
        checked_count(number, "n")


@pytest.mark.parametrize("number", [True, "3", 0, -1.5, math.inf, math.nan, None])
def test_what_is_not_above_zero_is_refused(number):
    with pytest.raises(ArgumentError, match=re.escape(f"x: {number!r}; allowed: finite numbers > 0")):
        checked_positive(number, "x")


def test_numbers_of_numpy_are_numbers():
    checked_count(np.int64(3), "n")
    checked_positive(np.float32(0.5), "x")

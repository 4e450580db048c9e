"""Configurations of earlier versions, which had options that are gone."""

import tomllib

import pytest

from photonzero.experiments.config.older import without_dropped
from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError


def table():
    return default_table("black-scholes", "gauss-newton", None, "ideal")


def test_an_option_that_had_no_effect_is_left_out():
    old = table()
    old["points"]["overlap"] = 0.0
    old["optimizer"]["subtract_noise"] = False
    assert resolve(old).to_table() == resolve(table()).to_table()
    assert old["points"]["overlap"] == 0.0, "the caller's table stays as it is"


@pytest.mark.parametrize(
    ("section", "key", "value"), [("points", "overlap", 0.5), ("optimizer", "subtract_noise", True)]
)
def test_an_option_that_had_an_effect_is_named_in_one_line(section, key, value):
    old = table()
    old[section][key] = value
    with pytest.raises(UsageError, match=rf"^{section}\.{key}: {value}; this option is gone") as caught:
        resolve(old)
    assert "\n" not in str(caught.value)


def test_another_methods_option_of_that_name_is_its_own():
    own = {"optimizer": {"name": "file.py:Mine", "subtract_noise": True}}
    assert without_dropped(own) == own


def test_a_section_that_is_no_table_is_left_to_others():
    assert without_dropped(tomllib.loads("points = 3")) == {"points": 3}

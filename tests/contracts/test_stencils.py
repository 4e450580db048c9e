"""What every rule for derivatives promises, of all that are registered, and users' own."""

import importlib.metadata
import re
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.stencils import RULES, DerivativeStencil, make_rule, rule_options
from photonzero.training.testing import StencilContract

for _name in RULES:
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (StencilContract,), {"rule": _name})


@pytest.mark.parametrize("name", RULES.names())
def test_its_entry_says_what_it_is_and_what_can_be_set(name):
    entry = RULES.get(name)
    assert entry.summary
    assert "\n" not in entry.summary
    assert make_rule(name, **entry.options) == make_rule(name)


class Forward:
    """First-order forward differences."""

    name = "forward"

    def __init__(self, spacing=0.1):
        self.spacing = spacing

    def stencil(self, dim, rng, request=None):
        offsets = np.vstack([np.zeros(dim), self.spacing * np.eye(dim)])
        gradient = np.hstack([np.full((dim, 1), -1.0), np.eye(dim)]) / self.spacing
        return DerivativeStencil(offsets, np.eye(dim + 1)[0], gradient, None)


class Demanding(Forward):
    def __init__(self, spacing):
        self.spacing = spacing


@pytest.fixture
def installed(monkeypatch):
    def install(**names):
        group_name = "photonzero.stencils"
        points = [EntryPoint(key, f"{__name__}:{value}", group_name) for key, value in names.items()]

        def entry_points(*, group):
            return points if group == group_name else []

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
        RULES.__dict__.pop("_plugins", None)

    yield install
    monkeypatch.undo()
    RULES.__dict__.pop("_plugins", None)


def test_an_installed_package_brings_a_rule(installed):
    installed(forward="Forward")
    assert "forward" in RULES
    assert RULES.get("forward").summary == "First-order forward differences."
    assert rule_options("forward") == {"spacing": 0.1}
    rule = make_rule("forward", spacing=0.5)
    values = 2.0 * rule.stencil(3, np.random.default_rng(0)).offsets[:, 1]
    np.testing.assert_allclose(rule.stencil(3, np.random.default_rng(0)).apply_gradient(values), [0, 2, 0])


def test_a_file_brings_a_rule(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from photonzero.training.stencils import CentralDifference\n"
        "class Wide(CentralDifference):\n"
        "    '''Central differences, as they are.'''\n"
    )
    assert repr(make_rule(f"{path}:Wide", spacing=0.3)) == repr(make_rule(str(path), spacing=0.3))
    assert "spacing" in rule_options(str(path))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Demanding", "stencil rule 'odd': option 'spacing' has no default; allowed: one for every option"),
        ("np", "stencil rule 'odd': no rule; allowed: a class with a name and stencil(dim, rng, request)"),
    ],
)
def test_an_installed_package_that_breaks_the_contract_is_named(installed, value, message):
    installed(odd=value)
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}"):
        make_rule("odd")

"""What every PDE promises, of all that are registered: none can be forgotten."""

import importlib.metadata
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from photonzero.training.errors import ProblemError
from photonzero.training.problems import PDE, PROBLEMS, get_problem
from photonzero.training.testing import ProblemContract

for _name in PROBLEMS:
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (ProblemContract,), {"problem": _name})


@pytest.mark.parametrize("name", PROBLEMS.names())
def test_its_name_is_the_one_it_is_registered_by(name):
    assert get_problem(name).name == name


class Decay(PDE):
    """``u_t = -u``, as another package brings it."""

    domain = {"t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return u.t + u

    def exact(self, at):
        return np.exp(-at.t)


class Moody(Decay):
    def __init__(self):
        raise RuntimeError("not today")


ready_made = Decay()
NOT_A_PDE = 3


@pytest.fixture
def installed(monkeypatch):
    """Names of this module, as an installed package would register them."""

    def install(**names):
        points = [
            EntryPoint(name, f"{__name__}:{value}", "photonzero.problems") for name, value in names.items()
        ]

        def entry_points(*, group):
            return points if group == "photonzero.problems" else []

        monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
        PROBLEMS.__dict__.pop("_plugins", None)

    yield install
    monkeypatch.undo()
    PROBLEMS.__dict__.pop("_plugins", None)


def test_an_installed_package_brings_a_problem(installed):
    installed(decay="Decay", ready="ready_made")
    assert "decay" in PROBLEMS.names()
    assert isinstance(get_problem("decay"), Decay)
    assert get_problem("ready") is ready_made


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "NOT_A_PDE",
            "problem 'odd': no PDE; allowed: a class derived from photonzero.training.problems.PDE",
        ),
        ("PDE", "PDE: no method residual; allowed: def residual"),
        ("Moody", "problem 'odd': RuntimeError: not today"),
        ("gone", "problem 'odd': entry point .* cannot be loaded: AttributeError"),
    ],
)
def test_an_installed_package_that_breaks_the_contract_is_named(installed, value, message):
    installed(odd=value)
    with pytest.raises(ProblemError, match=message) as caught:
        get_problem("odd")
    assert "\n" not in str(caught.value)
    assert get_problem("heat").name == "heat"

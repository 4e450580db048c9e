"""Every registered optimizer keeps the contract, and costs what it says on paper."""

import importlib.util
from functools import cache

import pytest

from photonzero.training.errors import CheckpointError
from photonzero.training.optimizers import get_method, optimizer_names
from photonzero.training.testing import OptimizerContract
from photonzero.training.testing.optimizers import bits_in_a_fresh_process, lab_run

# Forms that suit 25 controls, and what they cost on paper, in settings: of the first step alone, and of every
# step. A method that is missing here keeps the contract with its defaults.
SMALL = {
    "gauss-newton": ({"n_directions": 4}, 2, 4 + 1 + 5),
    "recursive-gauss-newton": ({"trial_batch_factor": 1}, 0, 1 + 25 + 1 + 4),
    "rge-adam": ({"n_directions": 4}, 0, 2 * 4),
    "rge-sgd": ({"n_directions": 4}, 0, 2 * 4),
    "sign-sgd": ({"n_directions": 4}, 0, 4 + 1),
    "zo-adamm": ({"n_directions": 4}, 0, 4 + 1),
    "coordinate": ({"n_directions": 4}, 0, 2 * 4),
    "hybrid": ({"n_directions": 4, "patience": 2}, 0, 2 * 4),
    "groupwise": ({"n_directions": 2}, 0, 2 * 2 * 3),
    "flops": ({"n_directions": 4, "learning_rate": 0.001}, 0, 4 + 1),
    "spsa": ({"learning_rate": 0.001}, 0, 2),
    "sparse-coordinate": ({"n_coordinates": 4}, 0, 4 + 1),
    "cma-es": ({"population": 8, "diagonal": False}, 0, 8),
    "nevergrad": ({"population": 8}, 0, 8),
}
# Those that read layers keep the contract in test_layered_optimizer.py and beside it.
METHODS = {name: get_method(name) for name in optimizer_names()}
NAMES = [name for name, own in METHODS.items() if not (own.needs_layers or own.needs_last_layer)]
OPTIONS = {name: SMALL[name][0] if name in SMALL else {} for name in NAMES}


def lacks(name):
    package = get_method(name).package
    return package if package and importlib.util.find_spec(package) is None else None


HERE = [name for name in OPTIONS if not lacks(name)]


@cache
def bits():
    """Of all of them from one other process."""
    return bits_in_a_fresh_process({name: OPTIONS[name] for name in HERE})


class Registered(OptimizerContract):
    def bits_of_a_fresh_process(self):
        return bits()[self.method]


for _name, _options in OPTIONS.items():
    _suite = type(f"Test_{_name}", (Registered,), {"method": _name, "options": _options})
    globals()[_suite.__name__] = pytest.mark.skipif(
        lacks(_name) is not None, reason=f"{lacks(_name)} is an extra that is not installed"
    )(_suite)


@pytest.mark.parametrize("name", [name for name in HERE if name in SMALL])
def test_a_step_costs_what_it_says_on_paper(name):
    options, first, per_step = SMALL[name]
    run = lab_run(name, options, max_steps=3)
    run.train()
    assert run.settings == first + 3 * per_step


@pytest.mark.parametrize("name", HERE)
def test_a_checkpoint_of_any_other_optimizer_is_refused(name):
    for other in HERE:
        if other != name:
            run = lab_run(other, OPTIONS[other], max_steps=1)
            with pytest.raises(CheckpointError, match="cannot be read"):
                lab_run(name, OPTIONS[name], max_steps=1).restore(run.checkpoint())

"""Optional powers are found by the methods that a thing has."""

import numpy as np

from photonzero.training.ensemble import EnsembleObjective, EnsembleOracle
from photonzero.training.objective.regression import Pairs, RegressionObjective
from photonzero.training.oracle import ControlGroup
from photonzero.training.powers import ChoosesBatch, Stateful, inferences_to_choose, state_of


class PlainChip:
    n_controls = 2
    control_groups = {"phases": ControlGroup(0, 2, "phase")}  # noqa: RUF012

    def measure(self, controls, inputs):
        return np.zeros((len(controls), len(inputs), 1))


class NoisyChip(PlainChip):
    def __init__(self, draws=0):
        self.draws = draws

    def state(self):
        return {"draws": self.draws}

    def restore(self, state):
        self.draws = state["draws"]


class HalfChip(PlainChip):
    def state(self):
        raise AssertionError("a state that nothing can take back is no state")


PAIRS = Pairs(np.eye(2), np.ones((2, 1)))


class PlainTask(RegressionObjective):
    def __init__(self):
        super().__init__(PAIRS, PAIRS, PAIRS, 1, 0)


class PickyTask(PlainTask):
    def __init__(self, cost):
        super().__init__()
        self.cost = cost

    @property
    def inferences_to_choose(self):
        return self.cost


def test_a_power_is_had_by_having_all_of_its_methods():
    assert isinstance(NoisyChip(), Stateful)
    assert not isinstance(PlainChip(), Stateful)
    assert not isinstance(HalfChip(), Stateful)
    assert isinstance(PickyTask(5), ChoosesBatch)
    assert not isinstance(PlainTask(), ChoosesBatch)


def test_what_lacks_a_power_has_no_state_and_costs_nothing():
    assert state_of(NoisyChip(7)) == {"draws": 7}
    assert state_of(PlainChip()) is None
    assert state_of(HalfChip()) is None
    assert inferences_to_choose(PickyTask(5)) == 5
    assert inferences_to_choose(PlainTask()) == 0


def test_an_ensemble_keeps_the_states_of_the_chips_that_have_one():
    first = EnsembleOracle([NoisyChip(3), PlainChip(), NoisyChip(4)])
    state = first.state()
    assert state == {"members": [{"draws": 3}, None, {"draws": 4}]}
    second = EnsembleOracle([NoisyChip(), PlainChip(), NoisyChip()])
    second.restore(state)
    assert second.state() == state


def test_an_ensembles_task_has_the_powers_of_one_chips_task():
    assert EnsembleObjective(PickyTask(5), 3).inferences_to_choose == 5
    plain = EnsembleObjective(PlainTask(), 3)
    assert plain.inferences_to_choose == 0
    assert plain.state() == {}
    plain.restore({})
